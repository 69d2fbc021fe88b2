/**
 * @file What a model is to the machinery: a definition says how its graph is built, what it takes where nothing else is asked for,
 * and by which names others publish its weights. Everything in this folder works from definitions and knows no model by name.
 */

import { checkOptionNames, checkText, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import type { PresetName } from '../flow/options.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import type { PreprocessAttributes } from '../ops/preprocess.ts';
import type { LabelList } from './labels.ts';
import { NATIVE_NAMING, type Naming } from './naming.ts';

/** What a network looks at: the frames, or the motion between them. */
export type Stream = 'rgb' | 'flow';

/** Input channels per stream. */
export const STREAM_CHANNELS: Readonly<Record<Stream, number>> = { rgb: 3, flow: 2 };

/** The streams, in the order in which they are named. */
export const STREAMS = Object.keys(STREAM_CHANNELS) as readonly Stream[];

/** A model in a few words: which one, how wide, for which stream, and what clips it takes. */
export interface ModelSpec {
  /** In JSON, as in a model's file, its id. */
  readonly architecture: ModelDefinition;
  readonly stream: Stream;
  /** Input channels: 3 of RGB, 2 of flow. */
  readonly channels: number;
  /** 0 of a network without a layer for classes, which gives features only. */
  readonly classes: number;
  /** Factor of every channel count in the architecture's table; 1 is the table. */
  readonly width: number;
  /** Frames of a window. */
  readonly frames: number;
  /** Side of the square that the network sees, in pixels. */
  readonly size: number;
  /** What the shorter side of a frame is scaled to before that square is cut out, in pixels. Flow is computed at this size. */
  readonly shortSide: number;
  /** 2: every extent and stride along time is 1, and a clip is one image. */
  readonly dimensions: 2 | 3;
  /** Of flow: displacements are clipped at ± so many pixels, at `shortSide`, and divided by them. */
  readonly flowBound: number;
  /** How flow is computed. */
  readonly flowPreset: PresetName;
  /** Frames per second (Hz) at which clips are read; where left out, videos at 25 and anything else as it is. */
  readonly fps?: number | 'native' | undefined;
  /**
   * The frames are spread evenly over the whole clip, one of each of as many equal parts, whatever `fps` says: that is for what has
   * no end, such as a camera.
   */
  readonly segments?: boolean | undefined;
}

/** What a model takes where its spec asks for nothing else. */
export interface ModelDefaults extends Pick<ModelSpec, 'frames' | 'size' | 'shortSide' | 'fps' | 'segments'> {
  /** 20 where left out, as two-stream networks have it since Carreira and Zisserman. */
  readonly flowBound?: number;
  /** `opencv` where left out. */
  readonly flowPreset?: PresetName;
  /** Probability with which training drops a channel before the classes; 0.5 where left out. */
  readonly dropout?: number;
}

/** Where a network that is given frames one by one keeps what the next one wants of them. */
export interface Memory {
  /** What was handed over under this name with the frame before, zeros with the first one; `value` takes its place. */
  exchange(name: string, value: ValueId): ValueId;
}

export interface BuildOptions {
  /** Probability with which a channel is dropped before the classes: 0 in a plan for inference, which has no dropout. */
  readonly dropout: number;
  /**
   * For `verifyInflation`: the head's pool covers whatever is left of the picture, and no more of time than it must, so that the
   * network takes images of any size and what it gives is still one value for each step of time.
   */
  readonly overTime: boolean;
  /** Of an `online` network whose clip is one frame: what it wants of the frames before is here, and not in the clip. */
  readonly memory?: Memory | undefined;
}

/** What a network ends in. */
export interface ModelEnds {
  /** What the classes are told by, N×C. */
  readonly features: ValueId;
  /** N×classes; undefined for 0 classes. */
  readonly logits: ValueId | undefined;
}

/** What of a spec decides how a network is made up, whatever clips it is used on. */
export type ModelForm = Pick<ModelSpec, 'width' | 'dimensions'>;

/** How clips shrink on their way to the head; from this follows the smallest clip. */
export interface ModelReduction {
  /** Frames, rows and columns that a step at the head stands for. */
  readonly stride: Triple;
  /** Steps that the head's pool covers; 1×1×1 where left out. */
  readonly headPool?: Triple;
  /** The smallest clip, where layers that do not pad want more than follows from these. */
  readonly least?: Triple;
}

/** How the bytes of a frame become the network's input; what is left out is as for I3D: the middle square, in −1 … 1. */
export interface Preprocessing {
  /** Mean and standard deviation of red, green and blue that are taken off, where 255 is 1; ½ each where left out. */
  readonly mean?: readonly [number, number, number];
  readonly deviation?: readonly [number, number, number];
  /** What is done to frames of a size; where left out, the shorter side becomes `shortSide` and the middle square is cut out. */
  geometry?(height: number, width: number, spec: ModelSpec): Pick<PreprocessAttributes, 'resized' | 'crop'>;
}

/** The 2D network that a model can be inflated from. */
export interface Inflatable {
  /** For messages, such as `2D Inception-v1`. */
  readonly name: string;
  /** How others name its weights; none where it comes from model files only. */
  readonly namings?: Readonly<Record<string, Naming>>;
}

/** What brings words to the space in which a model's clips lie, so that the product of both says how well they go together. */
export interface TextTower {
  /** Before the names of its tensors in a file. */
  readonly prefix: string;
  /** Their name for the table of words, V×C; its row 0 stands for no word. */
  readonly table: string;
  /** Names of its other tensors; those of the table are `ignored`. */
  readonly naming: Naming;
  /** The first layer, which tells C, and the last one, which tells the dimensions of the space. */
  readonly stem: string;
  readonly head: string;
  /** Words of a text that are looked at: of longer ones the first, and shorter ones are filled up with row 0. */
  readonly words: number;
  /** The words of a text, as the authors cut it. */
  split(text: string): string[];
  /** N×words×C rows of the table to N×dimensions. */
  build(builder: GraphBuilder, rows: ValueId, dimensions: number): ValueId;
}

/** What is published of a model's weights. */
export interface Published {
  /** Names of their files. */
  readonly files: readonly string[];
  /** 400, those of Kinetics, where left out. */
  readonly classes?: number;
  readonly accuracy?: {
    /** Percent. */
    readonly value: number;
    /** Of what, such as `top-1, Kinetics-400`. */
    readonly of: string;
    /** Who says so. */
    readonly source: string;
  };
}

export interface ModelDescription {
  /** What files and the command line call it, such as `i3d`. Never changes. */
  readonly id: string;
  /** What messages call it, such as `I3D`. */
  readonly name: string;
  readonly defaults: ModelDefaults;
  /**
   * Adds the network to a clip, N×T×H×W×C float32 (whatever makes the clip may come before it), and names the end points that
   * a plan may be asked for; `features`, `logits` and `probabilities` are named by `addModel`.
   */
  build(builder: GraphBuilder, spec: ModelSpec, clip: ValueId, options: BuildOptions): ModelEnds;
  /** The first layer, whose `<stem>/weights` end in Cin×Cout. */
  readonly stem: string;
  /** Channels of that layer's input for each of the clip's, 8 where it looks at blocks of 2×2×2 pixels; 1 where left out. */
  readonly stemShare?: number;
  /** The layer that gives the classes, whose `<head>/weights` end in C×classes. A new set of classes gets a new one. */
  readonly head: string;
  /** Strides of 1 and no pool where left out: clips of any size. */
  reduction?(form: ModelForm): ModelReduction;
  /** The network takes clips of exactly `frames`×`size`×`size`, as one with dense layers does. */
  readonly fixedInput?: boolean;
  /**
   * No frame depends on those behind it, and `build` can do with one at a time and a memory: the logits of a clip are the means of those
   * of its frames.
   */
  readonly online?: boolean;
  /**
   * The model whose checkpoints it takes. Nothing in a file tells the two apart, so it is this one only where that is asked for.
   */
  readonly weightsOf?: ModelDefinition;
  /** Specs may ask for another `width` than 1. */
  readonly scalable?: boolean;
  /** Where the network has a 2D form, `dimensions: 2`. */
  readonly inflatable?: Inflatable;
  readonly preprocessing?: Preprocessing;
  readonly published?: Published;
  /** Where a model was trained beside a text tower, that. */
  readonly text?: TextTower;
  /** Names of the classes that published weights have: of these lists, the one of the right length is taken (`labelsFor`). */
  readonly labels?: readonly LabelList[];
  /** Whose checkpoints are known by the names of their tensors: one naming by id each. `native`, our own, comes of itself. */
  readonly namings?: Readonly<Record<string, Naming>>;
}

/** A model that the machinery can build, read, run and train: made by `defineModel`. */
export interface ModelDefinition extends ModelDescription {
  /** The id: in files, a spec names its architecture by that. */
  toJSON(): string;
  toString(): string;
}

const NAMES: readonly (keyof ModelDescription)[] = [
  'id',
  'name',
  'defaults',
  'build',
  'stem',
  'stemShare',
  'head',
  'reduction',
  'fixedInput',
  'online',
  'weightsOf',
  'scalable',
  'inflatable',
  'preprocessing',
  'published',
  'text',
  'labels',
  'namings',
];

const made = new WeakSet<object>();

/** Whether a value was made by `defineModel`. */
export const isModelDefinition = (value: unknown): value is ModelDefinition =>
  typeof value === 'object' && value !== null && made.has(value);

/**
 * Defines a model. It is known where it is handed over: in a spec, or in a `ModelRegistry` that files are read with.
 * @throws InputError for a property that is not known or is missing.
 */
export function defineModel(description: ModelDescription): ModelDefinition {
  checkOptionNames('defineModel', description, NAMES);
  const { id, name, defaults, build, stem, head, namings } = description;
  for (const [key, value] of Object.entries({ id, name, stem, head })) {
    checkText(`The property ${key} of a model's definition`, value);
  }
  if (typeof build !== 'function') {
    throw new InputError(`${name}: build must be a function that adds the network, not ${describeValue(build)}.`);
  }
  if (typeof defaults !== 'object' || defaults === null) {
    throw new InputError(
      `${name}: defaults must be an object with frames, size and shortSide, not ${describeValue(defaults)}.`,
    );
  }
  const definition: ModelDefinition = Object.freeze({
    ...description,
    ...(namings ? { namings: { native: NATIVE_NAMING, ...namings } } : {}),
    toJSON: () => id,
    toString: () => id,
  });
  made.add(definition);
  return definition;
}
