/** @file The pictures of the sheet of `i3d augment`, by the kernel that training uses. */

import { type FloatTensor, floatTensor, type HostTensor, sizeOf } from '../../core/tensor.ts';
import { counted } from '../../core/words.ts';
import { flowToColor } from '../../flow/index.ts';
import { FLOW_BOUND } from '../../flow/stream.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { compile } from '../../graph/compile.ts';
import { DeviceParameters } from '../../graph/parameters.ts';
import type { Stream } from '../../models/definition.ts';
import { frameBytes, normalisation } from '../../models/frames.ts';
import { augmentClip } from '../../ops/augment.ts';
import { GEOMETRY_VALUES, SEGMENT_FRAMES } from '../../train/data/augmentation.ts';
import { type BatchSize, gather, type Sample } from '../../train/data/batch.ts';
import type { ClipSource } from '../../train/data/clip.ts';
import { ClipCache } from '../../train/data/clip_cache.ts';
import type { Session } from '../session.ts';
import type { Row } from './augment-rows.ts';
import type { Strip } from './augment-sheet.ts';

/** Pictures in a row, side of a picture, and side of the square that it is cut out of; pixels. */
type PictureSizes = Pick<BatchSize, 'frames' | 'size' | 'shortSide'>;

const VALUES = { rgb: { ...normalisation(), flow: false }, flow: { scale: FLOW_BOUND, shift: 0, flow: true } };

/**
 * The first frame of each segment of every row, or its flow in colour.
 * @param rows Those of RGB before those of flow.
 * @param clip T×H×W×3
 */
export async function drawRows(
  rows: readonly Row[],
  clip: HostTensor<'u8'>,
  sizes: PictureSizes,
  session: Session,
): Promise<Strip[]> {
  const [count = 0] = clip.shape;
  const rgb = samplesOf(rows, 'rgb', { path: 'the clip', load: async () => clip }, (frame) => frame);
  session.progress.say('cropping and scaling');
  const strips = await show(rgb, 'rgb', count, sizes, session, (row) => pictures(frameBytes(row).data, sizes));
  if (rows.length === rgb.length) return strips;

  // Only of the pairs that are shown; the last frame has the flow of the one before it.
  const firstOf = (frame: number) => Math.min(frame, count - 2);
  const shown = rows.filter(({ stream }) => stream === 'flow').flatMap(({ plan }) => shownFrames(plan));
  const firsts = [...new Set(shown.map(firstOf))];
  const pairs = { path: 'its pairs', load: async () => pairsOf(clip, firsts) };
  session.progress.say(`flow of ${counted(firsts.length, 'pair')}`);
  const samples = samplesOf(rows, 'flow', pairs, (frame) => 2 * firsts.indexOf(firstOf(frame)));
  const flow = await show(samples, 'flow', 2 * firsts.length, sizes, session, ({ shape, data }) =>
    floatTensor(
      shape,
      data.map((value) => value * FLOW_BOUND),
    ),
  );
  // One scale for all, so that colours mean the same in each row.
  const maxLength = Math.max(1e-3, ...flow.map(({ data }) => longest(data)));
  return [...strips, ...flow.map((row) => pictures(flowToColor(row, { maxLength }).data, sizes))];
}

const shownFrames = ({ frameIndices }: Row['plan']): number[] =>
  frameIndices.filter((_, i) => i % SEGMENT_FRAMES === 0);

function samplesOf(
  rows: readonly Row[],
  stream: Stream,
  source: ClipSource,
  place: (frame: number) => number,
): Sample[] {
  return rows
    .filter((row) => row.stream === stream)
    .map(({ plan }) => ({ clip: 0, source, label: 0, plan: { ...plan, frameIndices: shownFrames(plan).map(place) } }));
}

/**
 * What `finish` makes of each row, T×size×size×C in −1 … 1, as the network gets it. One row after the other, so that memory is
 * bounded.
 */
function show<Result>(
  samples: readonly Sample[],
  stream: Stream,
  maxFrames: number,
  { frames, size, shortSide }: PictureSizes,
  session: Session,
  finish: (row: FloatTensor) => Result,
): Promise<Result[]> {
  const cache = new ClipCache({ shortSide, maxFrames, folder: false, gpu: session.gpu });
  const channels = stream === 'flow' ? 2 : 3;
  const builder = new GraphBuilder();
  const inputs = [
    builder.input('clip', [1, frames, shortSide, shortSide, channels], stream === 'flow' ? 'f32' : 'u8'),
    builder.input('geometry', [1, GEOMETRY_VALUES]),
  ];
  builder.name('y', builder.add(augmentClip, 'Augment', { size, ...VALUES[stream] }, inputs)[0]!);
  const graph = builder.build();
  return session.onDevice(async (gpu) => {
    const parameters = new DeviceParameters(gpu, new Map());
    const plan = await session.time('compile', () => compile(graph, parameters));
    const results: Result[] = [];
    try {
      for (const sample of samples) {
        const { clip, geometry } = await session.time(stream === 'flow' ? 'flow' : 'prepare', () =>
          gather(cache, [sample], 1, { batch: 1, stream, frames, size, shortSide }),
        );
        const { y } = await session.time('run', () => plan.run({ clip, geometry }));
        results.push(finish(floatTensor(y!.shape.slice(1), y!.data)));
        session.progress.count(`${stream === 'flow' ? 'flow, ' : ''}row`, results.length, samples.length);
      }
      return results;
    } finally {
      plan.dispose();
      parameters.dispose();
    }
  });
}

/** Length of the longest displacement. */
function longest(flow: Float32Array): number {
  let square = 0;
  for (let i = 0; i < flow.length; i += 2) square = Math.max(square, flow[i]! ** 2 + flow[i + 1]! ** 2);
  return Math.sqrt(square);
}

/** Each of these frames and the one after it. */
function pairsOf({ shape: [, ...rest], data, dtype }: HostTensor<'u8'>, firsts: readonly number[]): HostTensor<'u8'> {
  const size = sizeOf(rest);
  const pairs = new Uint8Array(2 * firsts.length * size);
  for (const [i, first] of firsts.entries()) pairs.set(data.subarray(first * size, (first + 2) * size), 2 * i * size);
  return { dtype, shape: [2 * firsts.length, ...rest], data: pairs };
}

/** T pictures, one by one. */
function pictures(bytes: Uint8Array, { frames, size }: PictureSizes): Strip {
  const each = size * size * 3;
  return Array.from({ length: frames }, (_, i) => bytes.subarray(i * each, (i + 1) * each));
}
