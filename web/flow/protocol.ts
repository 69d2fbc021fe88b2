/** @file What the flow page asks of its worker, and what it tells. */

import type { PresetName, Tvl1Options } from '../../src/flow/options.ts';
import type { Call } from '../shared/calls.ts';
import type { Ground } from '../shared/motion_painter.ts';
import type { DrawnClipRequest } from '../video/drawn_clip.ts';
import type { GivenFrame } from '../video/given_clip.ts';

/** How flow is computed. */
export interface FlowSettings {
  /** Pixels of the shorter side. */
  readonly side: number;
  readonly preset: PresetName;
  /** What differs from the preset. */
  readonly own: Partial<Pick<Tvl1Options, 'tau' | 'lambda' | 'theta' | 'warps' | 'scales'>>;
}

/** How it is looked at. */
export interface FlowView {
  readonly ground: Ground;
  /** How much of the frame shows through, 0 … 1. */
  readonly frame: number;
  /** Times the motion gets stronger colours than its longest displacements would give it. */
  readonly gain: number;
}

export type FlowSource =
  /** Frames that the page hands over; a camera's are mirrored, as a looking glass does. */
  { readonly kind: 'given'; readonly mirrored: boolean } | ({ readonly kind: 'drawn' } & DrawnClipRequest);

export type FlowEvent =
  | { readonly kind: 'compiling' }
  | {
      readonly kind: 'shown';
      /** Pixels at which flow is computed. */
      readonly width: number;
      readonly height: number;
      /** Hz, over the last frames. */
      readonly fps: number;
      /** Pixels that get the full colour. */
      readonly length: number;
      readonly adapter: string;
    }
  | { readonly kind: 'lost'; readonly message: string };

export interface FlowCalls {
  /** Hands the canvas over; it is painted by the worker from now on. */
  readonly canvas: Call<OffscreenCanvas, undefined>;
  readonly settings: Call<FlowSettings, undefined>;
  readonly view: Call<FlowView, undefined>;
  /** Shows the flow of a source until it ends or is cancelled. */
  readonly show: Call<FlowSource, undefined, FlowEvent, GivenFrame>;
  /** What is shown, as a PNG with its frame and a legend. */
  readonly picture: Call<undefined, Blob>;
}
