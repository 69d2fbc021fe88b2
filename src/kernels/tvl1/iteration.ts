/**
 * @file The arithmetic of one iteration on a quad: the threshold step and the primal update, then the dual update. Needs
 * `p.theta`, `p.step` (lambda · theta) and `p.rate` (tau / theta).
 *
 * The order of the operations is OpenCV's, so that a processor that rounds each of them gives OpenCV's flow bit by bit; the
 * solve amplifies a last bit to a hundredth of a pixel, since sampling positions are rounded. With `exact` the norm of the
 * flow's gradient is rounded once, as `hypot` does it: `root` squared is compared to x² + y² in halves of 12 bits, whose
 * products are exact, and `root` moved by what is left. `p.zero` is 0, which the compiler must not know.
 */

import type { Iterations } from './layout.ts';

export const iterationFunctions = ({ exact, weighted }: Pick<Iterations, 'exact' | 'weighted'>): string => /* wgsl */ `
struct Flow { u: vec4f, v: vec4f }
struct Dual { a: vec4f, b: vec4f, c: vec4f, d: vec4f }
// last: ${weighted ? '1/g' : '|∇I|², at least 1e-30'}.
struct Data { ix: vec4f, iy: vec4f, rho: vec4f, last: vec4f }

// Compilers may regroup sums of products; what they cannot see through they leave as it is.
fn as_is(v: vec4f) -> vec4f { return bitcast<vec4f>(bitcast<vec4u>(v) ^ vec4u(p.zero)); }

// left_a, left_c: of the pixel before the quad; up_b, up_d: of the row above. All zero outside the picture.
fn primal(s: Flow, q: Dual, left_a: f32, left_c: f32, up_b: vec4f, up_d: vec4f, data: Data, first: bool) -> Flow {
  let rho = data.rho + as_is(data.ix * s.u + data.iy * s.v);
  let square = ${weighted ? 'max(data.ix * data.ix + data.iy * data.iy, vec4f(1e-30))' : 'data.last'};
  let limit = p.step * square;
  var f = -rho / square;
  f = select(f, vec4f(-p.step), rho > limit);
  f = select(f, vec4f(p.step), rho < -limit);
  var div_u = (q.a - vec4f(left_a, q.a.xyz)) + (q.b - up_b);
  var div_v = (q.c - vec4f(left_c, q.c.xyz)) + (q.d - up_d);
  // The first column is summed in another order.
  div_u.x = select(div_u.x, (q.a.x + q.b.x) - up_b.x, first);
  div_v.x = select(div_v.x, (q.c.x + q.d.x) - up_d.x, first);
  return Flow((s.u + f * data.ix) + p.theta * div_u, (s.v + f * data.iy) + p.theta * div_v);
}
${
  exact
    ? `
fn high(v: vec4f) -> vec4f { return bitcast<vec4f>(bitcast<vec4u>(v) & vec4u(0xfffff000u)); }
fn norm(x: vec4f, y: vec4f) -> vec4f {
  let xx = x * x;
  let yy = y * y;
  let sum = xx + yy;
  let root = as_is(sqrt(sum));
  let square = root * root;
  let large = max(xx, yy);
  let less = sum - large;
  let lost = min(xx, yy) - less;
  let xh = high(x); let xl = x - xh;
  let yh = high(y); let yl = y - yh;
  let rh = high(root); let rl = root - rh;
  let ex = ((xh * xh - xx) + (xh + xh) * xl) + xl * xl;
  let ey = ((yh * yh - yy) + (yh + yh) * yl) + yl * yl;
  let er = ((rh * rh - square) + (rh + rh) * rl) + rl * rl;
  let rest = ((sum - square) + lost) + ((ex + ey) - er);
  return root + rest / max(root + root, vec4f(1e-30));
}`
    : 'fn norm(x: vec4f, y: vec4f) -> vec4f { return sqrt(x * x + y * y); }'
}

// right_u, right_v: of the pixel after the quad; below: the row below. x_in and y_in are 1 inside the picture and 0 where
// the forward difference would leave it.
fn dual_update(q: Dual, s: Flow, right_u: f32, right_v: f32, below: Flow, data: Data, x_in: vec4f, y_in: f32) -> Dual {
  let ux = (vec4f(s.u.yzw, right_u) - s.u) * x_in;
  let uy = (below.u - s.u) * y_in;
  let vx = (vec4f(s.v.yzw, right_v) - s.v) * x_in;
  let vy = (below.v - s.v) * y_in;
  let nu = 1.0 + p.rate * ${weighted ? 'data.last * ' : ''}norm(ux, uy);
  let nv = 1.0 + p.rate * ${weighted ? 'data.last * ' : ''}norm(vx, vy);
  return Dual(
    (q.a + p.rate * ux) / nu, (q.b + p.rate * uy) / nu,
    (q.c + p.rate * vx) / nv, (q.d + p.rate * vy) / nv,
  );
}`;
