/**
 * @file What an operator is: a shape rule, a cost, and candidate kernels. Operators know shapes and kernels; they know
 * nothing of execution order, memory or devices.
 */

import { describeValue, nearestNames } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import type { Accuracy, DeviceProfile, Kernel } from '../core/kernel.ts';
import { type FloatTensor, formatShape, type Shape, sizeOf } from '../core/tensor.ts';
import { type Layout, layoutOf, viewOf, viewShape } from '../kernels/shared/layout.ts';
import { type View, vec4Bytes, vec4s } from '../kernels/shared/view.ts';
import type { Work } from '../kernels/shared/work.ts';

/**
 * `f32` activations and parameters; `f16` activations between nodes of a plan (passes/half_activations.ts); `u8` frames as they come
 * from a decoder.
 */
export interface TensorType {
  readonly dtype: 'f32' | 'f16' | 'u8';
  readonly shape: Shape;
}

/** Arithmetic and traffic of a node, counted as the direct algorithm has them. */
export interface Cost {
  readonly flops: number;
  /** Bytes read and written, each operand once. */
  readonly bytes: number;
}

/** An input or output of a node at lowering time. */
export interface Operand {
  readonly type: TensorType;
  /**
   * Where the channels lie, counted from the start of the operand's storage. Parameters have a dense view. All operands have one
   * but for the inputs that the operator takes in any layout (`Operator.layouts`).
   */
  readonly view: View;
  /** Where every element lies, in any case. */
  readonly layout: Layout;
  /**
   * Which storage the view lies in: operands with the same number share memory. −1 for parameters, whose values are known
   * on the host. A state (a parameter that is being trained) has a storage outside of the arena, laid out as an activation:
   * weights kt×kh×kw×Cin×Cout with Cout padded to a multiple of 4.
   */
  readonly storage: number;
  /** Size of that storage. Bytes. */
  readonly storageBytes: number;
  /** Where the storage lies in a run (`Operator.runs`), and which one that is. Bytes. */
  readonly run?: { readonly index: number; readonly offset: number };
}

/** An operand in memory: at a view, or in any layout. */
export function operand(
  type: TensorType,
  at: View | Layout,
  storage: number,
  storageBytes: number,
  run?: Operand['run'],
): Operand {
  const layout = 'axes' in at ? at : layoutOf(at, type.shape);
  const seen = 'axes' in at ? viewOf(at) : at;
  return {
    type,
    layout,
    storage,
    storageBytes,
    ...(run ? { run } : {}),
    get view(): View {
      if (seen) return seen;
      throw new GraphError(`A kernel of vec4 was given ${formatShape(type.shape)} in a layout that it cannot read.`);
    },
  };
}

/**
 * What a storage binding of a lowered dispatch is bound to. `offset` and `size` in bytes; the whole storage without.
 * `packed` is scratch memory like `workspace`, in a buffer of its own: one dispatch may write it and a later one read it
 * through a `constant` binding, which WebGPU forbids for the arena that the activations are in.
 */
export type Argument =
  | {
      readonly from: 'input' | 'output' | 'workspace' | 'packed';
      readonly index: number;
      readonly offset?: number;
      readonly size?: number;
    }
  | ConstantArgument;

/** What follows from parameters alone: made on the host and uploaded once. */
export interface ConstantArgument {
  readonly from: 'constant';
  /** Together with the parameters it is made from, says whether two constants are the same. */
  readonly layout: string;
  /** Indices of the inputs, all parameters, that `make` gets. */
  readonly inputs: readonly number[];
  /** It goes into a texture, for a `texels` binding: f32 only. */
  readonly texels?: boolean;
  /** f32 as the kernels read them, or the bits of f16; with `prepare`, what that kernel reads. */
  make(parameters: readonly FloatTensor[]): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
  /** The device computes it, once, from what `make` gives: for constants much larger than what they follow from. */
  readonly prepare?: Preparation;
}

/** A kernel of two bindings: what there is, read, and what is made of it, written. */
export interface Preparation {
  kernel(): Kernel;
  /** Of the result. */
  readonly bytes: number;
}

export interface LoweredDispatch {
  readonly kernel: Kernel;
  /** One for each storage binding, in order. */
  readonly args: readonly Argument[];
}

/** The constants that dispatches bind, in the order of the dispatches and their bindings. */
export const constantsOf = (dispatches: readonly LoweredDispatch[]): ConstantArgument[] =>
  dispatches.flatMap(({ args }) => args).filter((argument) => argument.from === 'constant');

/** What a candidate costs beside its own time, as a factor of it. */
export interface Surcharge {
  readonly factor: number;
  /** In words that follow its name. */
  readonly because: string;
  /** Paid once, in compilation or in memory, so that it counts little where a plan runs hundreds of times. */
  readonly once?: boolean;
}

/** How often a plan is going to run: `many` forgives a candidate what it costs once. */
export type Runs = 'few' | 'many';

/** One way of computing a node. */
export interface Candidate {
  /** Names the kernel and its tile, such as `subgroup 24×32`; stable, since tuning results refer to it. */
  readonly name: string;
  readonly accuracy: Accuracy;
  /** Scratch memory that the dispatches need. Bytes. */
  readonly workspaces: readonly number[];
  /** Scratch memory for packed weights. Bytes. */
  readonly packs?: readonly number[];
  /** What its dispatches do, for the estimate of its time (estimate.ts); may be missing where there is no other candidate. */
  readonly work?: readonly Work[];
  readonly surcharges?: readonly Surcharge[];
  lower(): LoweredDispatch[];
}

/** A value of the graph that a gradient rule works on; opaque to operators. */
export type ValueRef = number;

/** A node whose gradient is wanted, and a way to append the nodes that compute it. */
export interface GradientContext<A extends object> {
  /** The node's name; names of appended nodes begin with it. */
  readonly name: string;
  readonly attributes: A;
  readonly inputs: readonly ValueRef[];
  readonly outputs: readonly ValueRef[];
  /** Gradients of the loss by the outputs; undefined where the loss does not depend on one. At least one is there. */
  readonly gradients: readonly (ValueRef | undefined)[];
  /** Whether the gradient by an input is of use to anyone. */
  wanted(input: number): boolean;
  typeOf(value: ValueRef): TensorType;
  /** Appends a node; its outputs. */
  add<B extends object>(
    operator: Operator<B>,
    name: string,
    attributes: B,
    inputs: readonly ValueRef[],
  ): readonly ValueRef[];
}

/** Appends nodes of one output each to a gradient, called `<name>/gradient/<of>`. */
export const appender =
  ({ name, add }: Pick<GradientContext<object>, 'name' | 'add'>) =>
  <A extends object>(operator: Operator<A>, of: string, attributes: A, inputs: readonly ValueRef[]): ValueRef =>
    add(operator, `${name}/gradient/${of}`, attributes, inputs)[0]!;

/** Attributes of operators that have none. */
export type NoAttributes = Readonly<Record<never, never>>;

/** What nodes are applications of. Graphs refer to operators by value: there is no table that one has to be entered into. */
export interface Operator<A extends object = object> {
  /** Shown in plans and errors, and part of the keys of tuning results: no two operators of a graph may have the same. */
  readonly type: string;
  /** @throws GraphError in words that follow the node's name. */
  infer(attributes: A, inputs: readonly TensorType[]): TensorType[];
  cost(attributes: A, inputs: readonly TensorType[], outputs: readonly TensorType[]): Cost;
  /**
   * Ways of computing it on this device, in any order: they are tried by their estimates, of equal ones the first. None for operators
   * that only rename memory. Where there is much code to it, a promise: that code is then imported by the first graph that wants it,
   * and no part of a program's first chunk.
   */
  candidates(attributes: A, io: NodeOperands, profile: DeviceProfile): Candidate[] | Promise<Candidate[]>;
  /**
   * Gradients by the inputs, in their order; undefined where an input has none. Missing where nothing can be trained through it; the
   * package's own operators have theirs in gradients.ts.
   */
  gradient?(context: GradientContext<A>): (ValueRef | undefined)[];
  /**
   * For operators that change states: output i lies in the memory of input `inPlace[i]`; a function of the number of inputs where
   * there may be any. Such a node is the last one that reads or writes what that memory held before.
   */
  readonly inPlace?: readonly number[] | ((inputs: number) => readonly number[]);
  /**
   * Lists of inputs that should lie one behind the other in memory (runs.ts). A binding of the first of a run, whose size is given, may
   * cover them all. Where one of them cannot lie there, they are as any other inputs, and `Operand.run` says which is the case. States have
   * to have been reserved so, or the graph is not compiled.
   */
  runs?(inputs: readonly TensorType[]): readonly (readonly number[])[];
  /** Input 0 may be uint8 frames; all other inputs are floats. */
  readonly takesFrames?: true;
  /** Its kernels read and write activations in f16 where they are (`View.half`); with `inputs` they only read them. */
  readonly halves?: true | 'inputs';
  /**
   * Its kernels write zero to the lanes from the last channel of an output on to a multiple of 4, as everything that reads an
   * activation expects. Where it is left out, the plan has a dispatch of its own for that.
   */
  readonly keepsPadding?: true;
  /** Its kernels read inputs that share memory through one binding; other nodes get copies of all of them but one. */
  readonly sharesInputs?: true;
  /** Indices of the inputs that its kernels read in any layout (`Operand.layout`). */
  readonly layouts?: readonly number[];
  /**
   * The output as another layout of input 0's memory, where it is one: such a node has nothing to compute, but for a copy where a
   * reader does not take the layout.
   */
  view?(attributes: A, layout: Layout, shape: Shape): Layout | undefined;
  /** Operators over parameters alone are computed once, on the host, when a plan is compiled. */
  host?(attributes: A, inputs: readonly FloatTensor[]): FloatTensor;
}

const FACTS: readonly (keyof Operator)[] = [
  'type',
  'inPlace',
  'takesFrames',
  'halves',
  'keepsPadding',
  'sharesInputs',
  'layouts',
];

/**
 * Makes an operator for `GraphBuilder.add`, of the package or of anyone's own: its shape rule, its cost, its kernels and, where
 * it can be trained through, its gradient.
 * @throws GraphError when a part is missing, unknown or of the wrong type.
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineOperator<A extends object>(definition: Operator<A>): Operator<A> {
  if (typeof definition !== 'object' || definition === null) {
    throw new GraphError(`defineOperator takes an object, not ${describeValue(definition)}.`);
  }
  const { type } = definition;
  if (typeof type !== 'string' || type === '') {
    throw new GraphError(`An operator's type is a text that is not empty, not ${describeValue(type)}.`);
  }
  const functions = {
    ...{ infer: true, cost: true, candidates: true },
    ...{ gradient: false, host: false, view: false, runs: false },
  };
  const known = [...Object.keys(functions), ...FACTS];
  for (const name of Object.keys(definition)) {
    if (known.includes(name)) continue;
    const [near] = nearestNames(name, known);
    throw new GraphError(`The operator ${type} has an unknown part ${name}${near ? `; did you mean ${near}?` : '.'}`);
  }
  for (const [name, needed] of Object.entries(functions)) {
    const part = definition[name as keyof typeof functions];
    if (typeof part === 'function' || (part === undefined && !needed)) continue;
    throw new GraphError(`The operator ${type} needs a function ${name}, not ${describeValue(part)}.`);
  }
  return Object.freeze({ ...definition });
}

/** An operator of the package and its `Operator.gradient`. */
export type GradientRule = readonly [operator: Operator, gradient: NonNullable<Operator['gradient']>];

/**
 * The gradient of an operator of the package, beside it and not in it: whatever only training needs is then left out of programs that
 * do not train.
 */
/* @__NO_SIDE_EFFECTS__ */
export function gradientRule<A extends object>(
  operator: Operator<A>,
  gradient: NonNullable<Operator<A>['gradient']>,
): GradientRule {
  return [operator, gradient];
}

/** @throws GraphError unless it is what `defineOperator` returns. */
export function expectOperator(operator: unknown, what: string): asserts operator is Operator {
  const { type, infer } = (operator ?? {}) as Partial<Operator>;
  if (typeof type === 'string' && typeof infer === 'function') return;
  throw new GraphError(`${what} takes an operator, what defineOperator returns, not ${describeValue(operator)}.`);
}

export interface NodeOperands {
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
}

/** Of a node with so many inputs: by output, the input in whose memory it lies. */
export const inPlaceOf = ({ inPlace }: Pick<Operator, 'inPlace'>, inputs: number): readonly number[] =>
  typeof inPlace === 'function' ? inPlace(inputs) : (inPlace ?? []);

export const f32 = (shape: Shape): TensorType => ({ dtype: 'f32', shape });

/** Bytes of a tensor as activations are stored: channels padded to a multiple of 4. */
export function storedBytes({ dtype, shape }: TensorType): number {
  if (dtype === 'u8') return Math.ceil(sizeOf(shape) / 4) * 4;
  const channels = shape.at(-1) ?? 1;
  return (sizeOf(shape) / Math.max(channels, 1)) * vec4s(channels) * vec4Bytes({ half: dtype === 'f16' });
}

/** Elementwise work: `flops` per element, every operand moved once. */
export function pointwiseCost(flops: number, inputs: readonly TensorType[], outputs: readonly TensorType[]): Cost {
  return {
    flops: flops * outputs.reduce((sum, type) => sum + sizeOf(type.shape), 0),
    bytes: [...inputs, ...outputs].reduce((sum, type) => sum + storedBytes(type), 0),
  };
}

/** @throws GraphError unless the tensor is a float32 activation N×T×H×W×C. */
export function expectVolume(type: TensorType | undefined, what: string): View['shape'] {
  if (type?.dtype !== 'f32' || type.shape.length !== 5) {
    const found = type ? `${type.dtype} ${formatShape(type.shape)}` : 'nothing';
    throw new GraphError(`${what} must be a float32 tensor N×T×H×W×C, not ${found}`);
  }
  return viewShape(type.shape);
}

/** A candidate of one dispatch without scratch memory. */
export function singleDispatch(name: string, kernel: () => Kernel, args: readonly Argument[]): Candidate {
  return { name, accuracy: 'exact', workspaces: [], lower: () => [{ kernel: kernel(), args }] };
}

export const fromInput = (index: number) => ({ from: 'input', index }) as const;
export const fromOutput = (index: number) => ({ from: 'output', index }) as const;
