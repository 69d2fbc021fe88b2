/** @file The arrays that published extractors save, with their names, shapes and types. */

import { floatTensor, type HostTensor } from '../../core/tensor.ts';
import type { Stream } from '../../models/definition.ts';
import type { Layout, Span } from './presets.ts';
import { SEGMENTS } from './presets.ts';
import { segmentSpan, segments, unitLength } from './sequences.ts';

/** What the windows of a clip gave: by stream, by crop, by row. */
export interface ClipFeatures {
  readonly streams: Partial<Record<Stream, readonly (readonly Float32Array[])[]>>;
  /** Of a row, where it is more than a vector. */
  readonly rowShape?: readonly number[] | undefined;
  /** What each row was made of. */
  readonly spans: readonly Span[];
  /** Frames of the clip, as they were taken. */
  readonly frames: number;
  /** Frames per second (Hz) of the file. */
  readonly sourceFps: number;
  /** Seconds of the frame behind each row's last, where there is one. */
  readonly times: readonly number[];
}

/** An array, or several in an archive, under a name relative to the folder of the results. */
export interface NamedArrays {
  readonly file: string;
  /** One of the name '' in a file of its own; others in an `.npz`. */
  readonly arrays: Readonly<Record<string, HostTensor | string>>;
  /** What each row was made of, where the file has rows. */
  readonly spans?: readonly Span[];
}

const alone = (file: string, array: HostTensor, spans?: readonly Span[]): NamedArrays => ({
  file,
  arrays: { '': array },
  ...(spans && { spans }),
});

function stacked(rows: readonly Float32Array[], middle: readonly number[] = []): HostTensor<'f32'> {
  const width = rows[0]?.length ?? 0;
  const data = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) data.set(row, i * width);
  return floatTensor([rows.length, ...middle, width], data);
}

/** Rows as vectors, or in the shape that each of them has. */
const shaped = (rows: HostTensor<'f32'>, { rowShape }: ClipFeatures): HostTensor<'f32'> =>
  rowShape ? floatTensor([rows.shape[0]!, ...rowShape], rows.data) : rows;

const doubles = (shape: readonly number[], values: Iterable<number>): HostTensor<'f64'> => ({
  dtype: 'f64',
  shape,
  data: Float64Array.from(values),
});

/** The files of a clip. @param name Of the video, without an ending; it may have folders before it. */
export function arraysOf(layout: Layout, name: string, clip: ClipFeatures): NamedArrays[] {
  const streams = Object.entries(clip.streams) as [Stream, readonly (readonly Float32Array[])[]][];
  const { spans } = clip;
  switch (layout) {
    case 'rows':
      return streams.map(([stream, [rows = []]]) => alone(`${name}_${stream}.npy`, shaped(stacked(rows), clip), spans));
    case 'piergiaj': {
      const folder = (stream: Stream) => (streams.length > 1 ? `${stream}/` : '');
      return streams.map(([stream, [rows = []]]) =>
        alone(`${folder(stream)}${name}.npy`, stacked(rows, [1, 1]), spans),
      );
    }
    case 'video_features': {
      // Lists of Python numbers become float64, and a list of none has no second axis.
      const features = streams.map(([stream, [rows = []]]) => {
        const { shape, data } = stacked(rows);
        return alone(`${name}_${stream}.npy`, doubles(rows.length > 0 ? shape : [0], data), spans);
      });
      const milliseconds = clip.times.map((seconds) => seconds * 1000);
      return [
        ...features,
        alone(`${name}_fps.npy`, doubles([], [clip.sourceFps])),
        alone(`${name}_timestamps_ms.npy`, doubles([milliseconds.length], milliseconds)),
      ];
    }
    case 'finspire':
      return streams.map(([stream, crops]) => ({
        file: `${name}-${stream}.npz`,
        arrays: {
          feature: joined(crops.map((rows) => stacked(rows))),
          frame_cnt: { dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(clip.frames)) },
          video_name: name.slice(name.lastIndexOf('/') + 1),
        },
        spans,
      }));
    case 'segments':
      return [alone(`${name}_i3d.npy`, segmented(streams.map(([, crops]) => crops)), segmentSpans(spans))];
  }
}

/** Arrays of one shape, one behind the other. */
function joined(arrays: readonly HostTensor<'f32'>[]): HostTensor<'f32'> {
  const [{ shape, data }] = arrays as [HostTensor<'f32'>];
  const all = new Float32Array(arrays.length * data.length);
  for (const [i, array] of arrays.entries()) all.set(array.data, i * data.length);
  return floatTensor([arrays.length, ...shape], all);
}

/** 32×C, or 32×10×C of ten crops; of two streams RGB's channels, then those of flow. Each vector has the length 1. */
function segmented(streams: readonly (readonly (readonly Float32Array[])[])[]): HostTensor<'f32'> {
  const crops = streams[0]!.length;
  const each = Array.from({ length: crops }, (_, crop) => {
    const parts = streams.map((all) => segments(all[crop]!, SEGMENTS));
    return Array.from({ length: SEGMENTS }, (_, i) =>
      unitLength(Float32Array.from(parts.flatMap((part) => [...part[i]!]))),
    );
  });
  const rows = Array.from({ length: SEGMENTS }, (_, i) => each.map((crop) => crop[i]!)).flat();
  const { data } = stacked(rows);
  const width = data.length / rows.length;
  return floatTensor(crops === 1 ? [SEGMENTS, width] : [SEGMENTS, crops, width], data);
}

function segmentSpans(spans: readonly Span[]): Span[] {
  return Array.from({ length: SEGMENTS }, (_, i) => {
    const [from, to] = segmentSpan(spans.length, SEGMENTS, i);
    return [spans[from]![0], spans[to - 1]![1]];
  });
}
