/** @file What the pages ask of their worker, and what it tells them. */

import type { Stream } from '../../src/models/definition.ts';
import type { Spent } from '../../src/recognition/stopwatches.ts';
import type { Call } from '../shared/calls.ts';
import type { MotionSteps } from '../shared/motion_steps.ts';
import type { DrawnClipRequest } from '../video/drawn_clip.ts';
import type { GivenClipFacts, GivenFrame } from '../video/given_clip.ts';

/** Where a clip comes from. */
export type ClipSource =
  | { readonly kind: 'file'; readonly file: File }
  | ({ readonly kind: 'drawn' } & DrawnClipRequest)
  /** Frames that the page hands over. */
  | ({ readonly kind: 'given' } & GivenClipFacts);

/** Weights that can be chosen. */
export interface WeightsEntry {
  readonly id: string;
  /** The file's name, or what the model is called. */
  readonly name: string;
  readonly stream: Stream;
  /** Such as `I3D`. */
  readonly model: string;
  readonly classes: number;
  /** Frames of a window and pixels of the square that it sees. */
  readonly frames: number;
  readonly size: number;
  /** Frames per second (Hz) at which it takes videos. */
  readonly fps: number | 'native' | undefined;
  readonly bytes: number;
  /** Comes with the page. */
  readonly shipped: boolean;
  /** Is in the browser's storage. */
  readonly kept: boolean;
  /** What was passed over in the file. */
  readonly warnings: readonly string[];
}

/** The chosen weights, by their ids. */
export interface ChosenWeights {
  readonly rgb?: string | undefined;
  readonly flow?: string | undefined;
}

/** A frame to look at. */
export interface FilmFrame {
  readonly index: number;
  /** Seconds. */
  readonly time: number;
  readonly width: number;
  readonly height: number;
  /** height×width×4. */
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** The motion from a frame to the next, to look at. */
export interface FilmMotion extends MotionSteps {
  readonly index: number;
  /** Pixels: 99 of 100 displacements are not longer. */
  readonly longest: number;
}

/** What the networks say of a window: logits, one per class. */
export interface WindowScores {
  readonly start: number;
  readonly frames: number;
  /** Seconds of the first frame and behind the last one. */
  readonly from: number;
  readonly to: number;
  readonly rgb?: Float64Array;
  readonly flow?: Float64Array;
  readonly fused: Float64Array;
}

export type RecogniseEvent =
  | {
      readonly kind: 'opened';
      readonly name: string;
      readonly width: number;
      readonly height: number;
      /** Hz at which frames are taken. */
      readonly fps: number;
      /** Seconds; 0 where unknown. */
      readonly seconds: number;
      /** Names of the classes. */
      readonly classes: readonly string[];
      readonly adapter: string;
    }
  | { readonly kind: 'progress'; readonly text: string; readonly done?: number | undefined }
  | { readonly kind: 'frame'; readonly frame: FilmFrame }
  | { readonly kind: 'motion'; readonly motions: readonly FilmMotion[] }
  /** Only every `stride`th frame is still sent, and the others are to be forgotten. */
  | { readonly kind: 'thinned'; readonly stride: number }
  | { readonly kind: 'window'; readonly window: WindowScores; readonly times: Spent }
  /** The device was lost; the work goes on on another one. */
  | { readonly kind: 'lost'; readonly message: string };

export interface RecogniseResult {
  readonly rgb?: Float64Array;
  readonly flow?: Float64Array;
  readonly fused: Float64Array;
  readonly times: Spent;
}

export interface Thumbnail {
  readonly size: number;
  /** frames × size × size × 4. */
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

export interface Calls {
  /** Opens the device and describes it. */
  readonly adapter: Call<undefined, string>;
  /** The frames of a small drawn clip. */
  readonly thumbnail: Call<DrawnClipRequest, Thumbnail>;
  readonly weights: Call<undefined, readonly WeightsEntry[]>;
  /** Reads weights from files; several files may be one checkpoint of TensorFlow. */
  readonly addWeights: Call<
    { readonly files: readonly File[]; readonly keep: boolean },
    readonly WeightsEntry[],
    { readonly text: string; readonly done?: number | undefined }
  >;
  readonly keepWeights: Call<
    { readonly id: string },
    readonly WeightsEntry[],
    { readonly text: string; readonly done?: number | undefined }
  >;
  readonly forgetWeights: Call<{ readonly id: string }, readonly WeightsEntry[]>;
  readonly recognise: Call<
    { readonly source: ClipSource; readonly weights: ChosenWeights },
    RecogniseResult,
    RecogniseEvent,
    GivenFrame
  >;
  /** The latest seconds of a camera, over and over until cancelled. */
  readonly watch: Call<
    { readonly facts: GivenClipFacts; readonly weights: ChosenWeights },
    undefined,
    RecogniseEvent,
    GivenFrame
  >;
}
