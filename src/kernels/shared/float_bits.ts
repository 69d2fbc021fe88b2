/**
 * @file Floats by their bits, so that NaN comes out of every kernel where PyTorch has it.
 *
 * WGSL leaves open what `max`, `min`, `clamp` and comparisons make of NaN. Drivers return the other operand, and compilers may
 * take it that there is no NaN and fold `x != x`. Integers have no such rules. Bits of floats as signed integers, in order:
 *
 *    −2³¹            −0x800000  −0x7fffff      −1   0                0x7f800000        0x7fffffff
 *     │ −0  …  −1  …  −∞ │       │    −NaN     │    │ +0  …  1  …  +∞ │      +NaN       │
 *     └──────────────────┘       └─────────────┘    └─────────────────┴─────────────────┘
 *       what ReLU makes 0                          What x86 makes of ∞ − ∞ is a negative NaN, so both signs count.
 */

/** The bits of +∞, and the one that makes a NaN of it. */
const [INFINITY, QUIET] = [0x7f800000, 0x00400000];
/** The lowest bits that a ReLU lets pass, those of a NaN. */
const RELU_LIMIT = -0x7fffff;

/** A uniform's value (i32), the limit of `rectified`: of a ReLU, or one that lets all values pass. */
export const reluLimit = (relu: boolean): number => (relu ? RELU_LIMIT : -0x80000000);

/** WGSL: `v`, which must be a name, with 0 for what is below `limit` (see reluLimit); ReLU's where left out. */
export const rectified = (v: string, limit = `${RELU_LIMIT}`, lanes: 1 | 4 = 4): string =>
  lanes === 4
    ? `select(vec4f(0), ${v}, bitcast<vec4i>(${v}) >= vec4i(${limit}))`
    : `select(0.0, ${v}, bitcast<i32>(${v}) >= ${limit})`;

type Lanes = 1 | 2 | 4;

const float = (value: string, lanes: Lanes): string => (lanes === 1 ? `f32(${value})` : `vec${lanes}f(${value})`);
const integer = (type: 'u' | 'i', value: number, lanes: Lanes): string =>
  lanes === 1 ? `${type}32(${value})` : `vec${lanes}${type}(${value})`;
const bitsOf = (v: string, lanes: Lanes, type: 'u' | 'i' = 'u'): string =>
  lanes === 1 ? `bitcast<${type}32>(${v})` : `bitcast<vec${lanes}${type}>(${v})`;

/** WGSL: whether `v` is above 0 or NaN, which is where the gradient of a ReLU passes. */
export const positiveOrNaN = (v: string, lanes: Lanes = 4): string =>
  `((${bitsOf(v, lanes, 'i')} >= ${integer('i', RELU_LIMIT, lanes)}) & (${bitsOf(v, lanes, 'i')} != ${integer('i', 0, lanes)}))`;

/** WGSL: whether `v` is NaN. */
export const testNaN = (v: string, lanes: Lanes = 4): string =>
  `((${bitsOf(v, lanes)} & ${integer('u', 0x7fffffff, lanes)}) > ${integer('u', INFINITY, lanes)})`;

/** WGSL: whether the scalar `v` is neither NaN nor infinite. */
export const testFinite = (v: string): string => `((bitcast<u32>(${v}) & ${INFINITY}u) != ${INFINITY}u)`;

/** WGSL: the scalar `v`, or NaN where it is infinite. */
export const finiteOrNaN = (v: string): string =>
  `bitcast<f32>(bitcast<u32>(${v}) | select(${QUIET}u, 0u, ${testFinite(v)}))`;

/** WGSL: `v`, which must be a name, between `low` and `high`, or NaN. */
export const bounded = (v: string, low: string, high: string, lanes: Lanes = 4): string =>
  `select(clamp(${v}, ${float(low, lanes)}, ${float(high, lanes)}), ${v}, ${testNaN(v, lanes)})`;

/**
 * WGSL: `order_of` turns values into integers that lie in the same order, with NaN of either sign above all values; `value_of`
 * turns them back. So `max` of integers is a maximum that keeps NaN. `LOWEST` is the order of −∞, and no other is below it.
 *
 * In negative values all bits but the sign are turned round, which puts negative NaN below −∞; then everything moves down by as
 * many numbers as those are, and they come out on top.
 */
export const ORDER_FUNCTIONS = /* wgsl */ `
const LOWEST = vec4i(i32(-0x80000000));

fn order_of(v: vec4f) -> vec4i {
  let bits = bitcast<vec4i>(v);
  return (bits ^ ((bits >> vec4u(31)) & vec4i(0x7fffffff))) - vec4i(0x7fffff);
}

fn value_of(order: vec4i) -> vec4f {
  let bits = order + vec4i(0x7fffff);
  return bitcast<vec4f>(bits ^ ((bits >> vec4u(31)) & vec4i(0x7fffffff)));
}`;

const ORDER_OF_INFINITY = `vec4i(${INFINITY - 0x7fffff})`;

/**
 * WGSL, for each lane: whether PyTorch's maximum moves on from `best` to `order`, a later position. It does to larger values, so
 * that the first of equal ones stays, and to every NaN.
 */
export const movesOn = (order: string, best: string): string => `(${order} > min(${best}, ${ORDER_OF_INFINITY}))`;
