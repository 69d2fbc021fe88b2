/**
 * @file The pointwise functions, a row each: what it is in WGSL and in TypeScript, its derivative, its cost. Everything that is done
 * with a function follows from its row: operators, epilogues, gradients, constants on the host.
 *
 * WGSL is written for `V`, which is vec4f or f32, with `U` and `I` for integers as wide. Drivers may take it that there is no NaN
 * (see shared/float_bits.ts): `is_nan` asks the bits, and what is written for `wgsl` need not care, since x is given back where it is
 * NaN. Where a function *makes* NaN or infinity of a finite x, its row does so by bits: WGSL has no such literals and leaves open what
 * log(−1) is. Results are PyTorch's, also for infinities.
 *
 * Padding lanes hold 0. Whether a function, or a gradient, keeps them so is what its TypeScript form says of 0 (`keepsZero`); kernels
 * mask the lanes beyond the channels where it does not.
 */

/** dx of a function, from dy and x or y, whichever is cheaper; `either` where both give the same. */
interface Derivative {
  readonly by: 'x' | 'y' | 'either';
  /** WGSL of dx, from `v` (x or y) and `dy`. */
  readonly wgsl: string;
  readonly value: (v: number, dy: number) => number;
}

interface UnaryFunction {
  /** WGSL of f(x) where x is not NaN. ReLU has none: it is a limit of bits in the uniforms of every epilogue (activation.ts). */
  readonly wgsl?: string;
  readonly value: (x: number) => number;
  readonly gradient: Derivative;
  /** Operations per element, as a reader would count them. */
  readonly flops: number;
}

/** Of the polynomial in `normal`, the highest power first. */
const ERFC_FACTORS = [
  0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
  -1.26551223,
];
/** √(2/π), and the share of x³. */
const [GELU_SLOPE, GELU_CUBE] = [0.7978845608, 0.044715];

/** WGSL functions that rows call, each after those that it calls itself. */
const HELPERS: Readonly<Record<string, string>> = {
  is_nan: 'fn is_nan(x: V) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }',
  no_number: 'fn no_number(x: V) -> V { return bitcast<V>(bitcast<U>(x) | U(0x7fc00000u)); }',
  // No exponential overflows on the way, here and below.
  logistic: /* wgsl */ `fn logistic(x: V) -> V {
  let e = exp(-abs(x));
  return select(e, V(1), x >= V(0)) / (1 + e);
}`,
  // The share of a normal distribution below x, with a relative error below 1.2e-7 on either side: erfc as a polynomial of Chebyshev's.
  // (Press et al., "Numerical Recipes in C", 2nd edition, 1992, section 6.2.)
  normal: /* wgsl */ `fn normal(x: V) -> V {
  let z = abs(x) * ${Math.SQRT1_2};
  let t = 1 / (1 + 0.5 * z);
  var p = V(0);
  ${ERFC_FACTORS.map((factor) => `p = p * t + ${factor};`).join(' ')}
  let tail = 0.5 * t * exp(p - z * z);
  return select(1 - tail, tail, x < V(0));
}`,
  // Near 0 the quotient would lose its digits. (Moshier, Cephes, tanhf.)
  hyperbolic_tangent: /* wgsl */ `fn hyperbolic_tangent(x: V) -> V {
  let z = x * x;
  let small = ((((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z
    - 3.33332819422e-1) * z * x + x;
  let e = exp(-2 * abs(x));
  return select(sign(x) * ((1 - e) / (1 + e)), small, abs(x) < V(0.625));
}`,
  gelu_tangent: `fn gelu_tangent(x: V) -> V { return hyperbolic_tangent(${GELU_SLOPE} * (x + ${GELU_CUBE} * x * x * x)); }`,
};

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
const positiveOrNaN = (v: number): boolean => !(v <= 0);

/** The share of a normal distribution below x; see HELPERS. */
function normal(x: number): number {
  const z = Math.abs(x) * Math.SQRT1_2;
  const t = 1 / (1 + 0.5 * z);
  const tail = 0.5 * t * Math.exp(ERFC_FACTORS.reduce((sum, factor) => sum * t + factor, 0) - z * z);
  return x < 0 ? tail : 1 - tail;
}

const geluTangent = (x: number): number => Math.tanh(GELU_SLOPE * (x + GELU_CUBE * x ** 3));

const UNARY_ROWS = {
  relu: {
    value: (x) => (positiveOrNaN(x) ? x : 0),
    gradient: {
      by: 'either',
      wgsl: 'select(V(0), dy, (bitcast<I>(v) >= I(-0x7fffff)) & (bitcast<I>(v) != I(0)))',
      value: (v, dy) => (positiveOrNaN(v) ? dy : 0),
    },
    flops: 1,
  },
  relu6: {
    wgsl: 'clamp(x, V(0), V(6))',
    value: (x) => clamp(x, 0, 6),
    gradient: {
      by: 'either',
      wgsl: 'select(V(0), dy, ((v > V(0)) & (v < V(6))) | is_nan(v))',
      value: (v, dy) => (v <= 0 || v >= 6 ? 0 : dy),
    },
    flops: 2,
  },
  /** With a slope of 0.01 below 0. */
  leakyRelu: {
    wgsl: 'select(x, 0.01 * x, x < V(0))',
    value: (x) => (x < 0 ? 0.01 * x : x),
    gradient: {
      by: 'either',
      wgsl: 'select(0.01 * dy, dy, (v > V(0)) & !is_nan(v))',
      value: (v, dy) => (v > 0 ? dy : 0.01 * dy),
    },
    flops: 2,
  },
  sigmoid: {
    wgsl: 'logistic(x)',
    value: logistic,
    gradient: { by: 'y', wgsl: 'dy * (1 - v) * v', value: (y, dy) => dy * (1 - y) * y },
    flops: 4,
  },
  /** x · sigmoid(x), which PyTorch calls SiLU. */
  swish: {
    wgsl: 'x * logistic(x)',
    value: (x) => x * logistic(x),
    gradient: {
      by: 'x',
      wgsl: 'dy * logistic(v) * (1 + v * (1 - logistic(v)))',
      value: (x, dy) => dy * logistic(x) * (1 + x * (1 - logistic(x))),
    },
    flops: 5,
  },
  /** x · Φ(x) with the normal distribution's Φ, PyTorch's default. */
  gelu: {
    wgsl: 'x * normal(x)',
    value: (x) => x * normal(x),
    gradient: {
      by: 'x',
      wgsl: 'dy * (normal(v) + v * (0.39894228 * exp(-0.5 * v * v)))',
      value: (x, dy) => dy * (normal(x) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI)),
    },
    flops: 25,
  },
  /** PyTorch's `approximate='tanh'`. (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.) */
  geluTanh: {
    wgsl: '0.5 * x * (1 + gelu_tangent(x))',
    value: (x) => 0.5 * x * (1 + geluTangent(x)),
    gradient: {
      by: 'x',
      wgsl: `dy * (0.5 * (1 + gelu_tangent(v))
    + 0.5 * v * (1 - gelu_tangent(v) * gelu_tangent(v)) * ${GELU_SLOPE} * (1 + ${3 * GELU_CUBE} * v * v))`,
      value: (x, dy) => {
        const t = geluTangent(x);
        return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_SLOPE * (1 + 3 * GELU_CUBE * x * x));
      },
    },
    flops: 25,
  },
  hardsigmoid: {
    wgsl: 'clamp(x + 3, V(0), V(6)) / 6',
    value: (x) => clamp(x + 3, 0, 6) / 6,
    gradient: {
      by: 'y',
      wgsl: 'select(V(0), dy / 6, (v > V(0)) & (v < V(1)) & !is_nan(v))',
      value: (y, dy) => (y > 0 && y < 1 ? dy / 6 : 0),
    },
    flops: 4,
  },
  hardswish: {
    wgsl: 'x * clamp(x + 3, V(0), V(6)) / 6',
    value: (x) => (x * clamp(x + 3, 0, 6)) / 6,
    gradient: {
      by: 'x',
      wgsl: 'select(select(dy * (v / 3 + 0.5), V(0), v <= V(-3)), dy, (v >= V(3)) | is_nan(v))',
      value: (x, dy) => (x <= -3 ? 0 : x < 3 ? dy * (x / 3 + 0.5) : dy),
    },
    flops: 5,
  },
  tanh: {
    wgsl: 'hyperbolic_tangent(x)',
    value: Math.tanh,
    gradient: { by: 'y', wgsl: 'dy * (1 - v * v)', value: (y, dy) => dy * (1 - y * y) },
    flops: 15,
  },
  exp: {
    wgsl: 'exp(x)',
    value: Math.exp,
    gradient: { by: 'y', wgsl: 'dy * v', value: (y, dy) => dy * y },
    flops: 1,
  },
  log: {
    // −∞ of 0, by its bits; +∞ of +∞.
    wgsl: `select(
    select(select(log(x), no_number(x), x < V(0)), bitcast<V>(bitcast<U>(x) | U(0xff800000u)), x == V(0)),
    x, bitcast<U>(x) == U(0x7f800000u))`,
    value: Math.log,
    gradient: { by: 'x', wgsl: 'dy / v', value: (x, dy) => dy / x },
    flops: 1,
  },
  sqrt: {
    wgsl: 'select(sqrt(abs(x)), no_number(x), x < V(0))',
    value: Math.sqrt,
    gradient: { by: 'y', wgsl: 'dy / (2 * v)', value: (y, dy) => dy / (2 * y) },
    flops: 1,
  },
  /** 1/√x. */
  rsqrt: {
    // +∞ of 0, by its bits; 0 of +∞.
    wgsl: `select(
    select(select(inverseSqrt(abs(x)), no_number(x), x < V(0)), bitcast<V>(bitcast<U>(x) | U(0x7f800000u)), x == V(0)),
    V(0), bitcast<U>(x) == U(0x7f800000u))`,
    value: (x) => 1 / Math.sqrt(x),
    gradient: { by: 'y', wgsl: '-0.5 * dy * v * v * v', value: (y, dy) => -0.5 * dy * y ** 3 },
    flops: 1,
  },
  abs: {
    wgsl: 'abs(x)',
    value: Math.abs,
    gradient: {
      by: 'x',
      wgsl: 'select(dy * sign(v), v, is_nan(v))',
      value: (x, dy) => dy * Math.sign(x),
    },
    flops: 1,
  },
  neg: {
    wgsl: '-x',
    value: (x) => -x,
    gradient: { by: 'either', wgsl: '-dy', value: (_, dy) => -dy },
    flops: 1,
  },
  square: {
    wgsl: 'x * x',
    value: (x) => x * x,
    gradient: { by: 'x', wgsl: '2 * dy * v', value: (x, dy) => 2 * dy * x },
    flops: 1,
  },
} as const satisfies Readonly<Record<string, UnaryFunction>>;

export type UnaryName = keyof typeof UNARY_ROWS;
export const UNARY: Readonly<Record<UnaryName, UnaryFunction>> = UNARY_ROWS;
export const UNARY_NAMES = Object.keys(UNARY_ROWS) as readonly UnaryName[];

interface BinaryFunction {
  /** WGSL of f(a, b). */
  readonly wgsl: (a: string, b: string) => string;
  readonly value: (a: number, b: number) => number;
  /** By a and by b, where it is more than dy itself. */
  readonly gradients: { readonly a?: BinaryDerivative; readonly b?: BinaryDerivative };
  readonly flops: number;
}

interface BinaryDerivative {
  readonly wgsl: (a: string, b: string, dy: string) => string;
  readonly value: (a: number, b: number, dy: number) => number;
}

/** NaN wins, as in PyTorch; of equal values each gets half of the gradient. */
function extremum(name: 'max' | 'min'): BinaryFunction {
  const [wins, value] = name === 'max' ? (['>', Math.max] as const) : (['<', Math.min] as const);
  const loses = (a: number, b: number): boolean => (name === 'max' ? a < b : a > b);
  const share = (own: number, other: number, dy: number): number =>
    own === other ? dy / 2 : loses(own, other) ? 0 : dy;
  const wgsl = (own: string, other: string, dy: string): string =>
    `select(select(select(${dy}, V(0), ${other} ${wins} ${own}), 0.5 * ${dy}, ${own} == ${other}), ${dy}, is_nan(${own}) | is_nan(${other}))`;
  return {
    wgsl: (a, b) => `select(select(${name}(${a}, ${b}), ${a}, is_nan(${a})), ${b}, is_nan(${b}))`,
    value,
    gradients: {
      a: { wgsl, value: share },
      b: { wgsl: (a, b, dy) => wgsl(b, a, dy), value: (a, b, dy) => share(b, a, dy) },
    },
    flops: 1,
  };
}

const BINARY_ROWS = {
  add: { wgsl: (a, b) => `${a} + ${b}`, value: (a, b) => a + b, gradients: {}, flops: 1 },
  sub: {
    wgsl: (a, b) => `${a} - ${b}`,
    value: (a, b) => a - b,
    gradients: { b: { wgsl: (_, __, dy) => `-${dy}`, value: (_, __, dy) => -dy } },
    flops: 1,
  },
  mul: {
    wgsl: (a, b) => `${a} * ${b}`,
    value: (a, b) => a * b,
    gradients: {
      a: { wgsl: (_, b, dy) => `${dy} * ${b}`, value: (_, b, dy) => dy * b },
      b: { wgsl: (a, _, dy) => `${dy} * ${a}`, value: (a, _, dy) => dy * a },
    },
    flops: 1,
  },
  div: {
    wgsl: (a, b) => `${a} / ${b}`,
    value: (a, b) => a / b,
    gradients: {
      a: { wgsl: (_, b, dy) => `${dy} / ${b}`, value: (_, b, dy) => dy / b },
      b: { wgsl: (a, b, dy) => `-${dy} * (${a} / ${b} / ${b})`, value: (a, b, dy) => -dy * (a / b / b) },
    },
    flops: 1,
  },
  max: extremum('max'),
  min: extremum('min'),
} as const satisfies Readonly<Record<string, BinaryFunction>>;

export type BinaryName = keyof typeof BINARY_ROWS;
export const BINARY: Readonly<Record<BinaryName, BinaryFunction>> = BINARY_ROWS;
export const BINARY_NAMES = Object.keys(BINARY_ROWS) as readonly BinaryName[];

/**
 * The beginning of a shader with WGSL from this table: types for so many lanes, functions that are called, `sources`. Nothing where
 * nothing is needed.
 * @param expression Elsewhere in the shader
 */
export function shaderFunctions(sources: readonly string[], expression = '', lanes: 1 | 4 = 4): string {
  const own = sources.filter((source) => source !== '').map((source) => `${source}\n`);
  let found = [...own, expression].join('');
  const called: string[] = [];
  for (const [name, source] of Object.entries(HELPERS).reverse()) {
    if (!found.includes(`${name}(`)) continue;
    called.unshift(`${source}\n`);
    found += source;
  }
  const types = lanes === 4 ? VECTORS : SCALARS;
  const aliases = Object.entries(types).filter(([name]) => new RegExp(`\\b${name}\\b`).test(found));
  return [...aliases.map(([name, type]) => `alias ${name} = ${type};\n`), ...called, ...own].join('');
}

const VECTORS = { V: 'vec4f', U: 'vec4u', I: 'vec4i', B: 'vec4<bool>' };
const SCALARS = { V: 'f32', U: 'u32', I: 'i32', B: 'bool' };
