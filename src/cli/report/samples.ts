/** @file A few frames of a clip, with their flow, for the report: evenly spread, however long the clip turns out to be. */

import type { FloatTensor } from '../../core/tensor.ts';
import { flowToColor } from '../../flow/index.ts';
import { encodePng } from '../../io/encode.ts';
import type { ModelSpec } from '../../models/definition.ts';
import { cutFrames, cutOut, frameBytes } from '../../models/frames.ts';
import type { ClipWindow } from '../../recognition/window_stream.ts';

/** A picture, H×W×3, and its flow, H×W×2 in −1 … 1. */
interface Sample {
  readonly frame: number;
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array | undefined;
  readonly flow: { readonly width: number; readonly height: number; readonly data: Float32Array } | undefined;
}

/** Pictures as data URLs. */
export interface SamplePicture {
  readonly frame: number;
  readonly rgb: string | undefined;
  readonly flow: string | undefined;
}

const SHOWN = 8;
/** So many are held before every other one is dropped. */
const HELD = 4 * SHOWN;

export class Sampler {
  private samples: Sample[] = [];
  private stride = 1;

  /** @param spec How many pixels a flow of 1 stands for, and how frames may have been normalised. */
  constructor(private readonly spec: Pick<ModelSpec, 'architecture' | 'flowBound'>) {}

  /** Takes what it needs of a window; the window's memory may be used again afterwards. */
  add(window: ClipWindow, flow: FloatTensor | undefined, withFrames: boolean): void {
    const { start, frames, region } = window;
    const [, height = 0, width = 0] = window.clip.shape;
    const last = this.samples.at(-1)?.frame ?? -1;
    for (let i = 0; i < frames; i++) {
      const frame = start + i;
      if (frame <= last || frame % this.stride !== 0) continue;
      this.samples.push({
        frame,
        width: region?.width ?? width,
        height: region?.height ?? height,
        rgb: withFrames ? pixels(window, i, this.spec) : undefined,
        flow: flow && frameOf(flow, i),
      });
      if (this.samples.length >= HELD) {
        this.stride *= 2;
        this.samples = this.samples.filter((sample) => sample.frame % this.stride === 0);
      }
    }
  }

  /** The chosen ones, and the length in pixels that has the full colour in all of them. */
  async pictures(): Promise<{ pictures: SamplePicture[]; maxLength: number }> {
    const count = Math.min(SHOWN, this.samples.length);
    // Rounded down, so that steps are even where the number held is a multiple of the number shown.
    const chosen = Array.from(
      { length: count },
      (_, i) => this.samples[Math.floor((i * this.samples.length) / count)]!,
    );
    const maxLength = Math.max(1, ...chosen.map(({ flow }) => (flow ? this.spec.flowBound * longest(flow.data) : 0)));
    const pictures = chosen.map(async ({ frame, rgb, width, height, flow }) => ({
      frame,
      rgb: rgb && (await dataUrl(rgb, width, height)),
      flow: flow && (await dataUrl(colors(flow, this.spec.flowBound, maxLength), flow.width, flow.height)),
    }));
    return { pictures: await Promise.all(pictures), maxLength };
  }
}

function pixels(
  { clip, region }: ClipWindow,
  index: number,
  { architecture }: Pick<ModelSpec, 'architecture'>,
): Uint8Array {
  const frame = cutOut(cutFrames(clip, { start: index, frames: 1 }), region);
  return frameBytes(frame, architecture.preprocessing).data.slice();
}

function frameOf({ shape, data }: FloatTensor, index: number): NonNullable<Sample['flow']> {
  const [, height = 0, width = 0] = shape;
  const size = height * width * 2;
  return { width, height, data: data.slice(index * size, (index + 1) * size) };
}

function longest(flow: Float32Array): number {
  let most = 0;
  for (let i = 0; i < flow.length; i += 2) most = Math.max(most, Math.hypot(flow[i]!, flow[i + 1]!));
  return most;
}

function colors({ width, height, data }: NonNullable<Sample['flow']>, bound: number, maxLength: number): Uint8Array {
  const flow: FloatTensor = { dtype: 'f32', shape: [height, width, 2], data: data.map((value) => value * bound) };
  return flowToColor(flow, { maxLength }).data;
}

/** A picture, H×W×3, as a page holds it. */
export async function dataUrl(rgb: Uint8Array, width: number, height: number): Promise<string> {
  return `data:image/png;base64,${Buffer.from(await encodePng(rgb, width, height)).toString('base64')}`;
}

/** Middlebury's wheel as a picture: what the colours of flow mean. */
export async function wheelPicture(side = 96): Promise<string> {
  const data = new Float32Array(side * side * 2);
  const radius = side / 2;
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [(i % side) + 0.5 - radius, Math.floor(i / side) + 0.5 - radius];
    data[2 * i] = x / radius;
    data[2 * i + 1] = y / radius;
  }
  return dataUrl(flowToColor({ dtype: 'f32', shape: [side, side, 2], data }, { maxLength: 1 }).data, side, side);
}
