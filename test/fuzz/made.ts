/** @file Samples that need no file: one of every format, and of the variants whose readers differ. */

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { zipSync } from 'fflate';
import { floatToHalf } from '../../src/core/half.ts';
import { floatTensor, type HostTensor, type StateDict } from '../../src/core/tensor.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import { encodeFlo } from '../../src/io/flo.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { encodeSafetensors } from '../../src/io/safetensors.ts';
import type { Model } from '../../src/models/model_file.ts';
import { initialParameters } from '../../src/models/parameters.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { saveCheckpoint } from '../../src/train/run/checkpoint.ts';
import { encodeModelFile } from '../../src/train/run/model_files.ts';
import { zeroCheckpoint } from '../cli/checkpoint.ts';
import { fill } from '../formula.ts';
import { writeMedia } from '../io/media.ts';
import { encodeTensorFlowCheckpoint } from '../io/tensorflow_writer.ts';
import type { ReaderName } from './readers.ts';
import type { Sample } from './sample.ts';

const [WIDTH, HEIGHT] = [48, 32];
/** Containers and encoders by FFmpeg's names. */
const MEDIA: readonly (readonly [name: string, reader: ReaderName, format: string, codec: string, frames: number])[] = [
  ['h264.mp4', 'video', 'mp4', 'libx264', 12],
  ['mpeg4.avi', 'video', 'avi', 'mpeg4', 12],
  ['vp9.webm', 'video', 'webm', 'libvpx-vp9', 8],
  ['ffv1.mkv', 'video', 'matroska', 'ffv1', 6],
  ['prores.mov', 'video', 'mov', 'prores', 3],
  ['mpeg2.ts', 'video', 'mpegts', 'mpeg2video', 8],
  ['flash.flv', 'video', 'flv', 'flv', 8],
  ['stream.mjpeg', 'video', 'mjpeg', 'mjpeg', 5],
  ['moving.gif', 'gif', 'gif', 'gif', 5],
  ['moving.apng', 'gif', 'apng', 'apng', 4],
  ['picture.png', 'picture', 'image2pipe', 'png', 1],
  ['picture.jpg', 'picture', 'image2pipe', 'mjpeg', 1],
  ['picture.bmp', 'picture', 'image2pipe', 'bmp', 1],
  ['picture.tiff', 'picture', 'image2pipe', 'tiff', 1],
  ['picture.webp', 'picture', 'webp', 'libwebp', 1],
  ['picture.ppm', 'picture', 'image2pipe', 'ppm', 1],
];

/** Colours that run from left to right and from top to bottom, and change with the frame. */
const gradient = (frame: number): Uint8Array =>
  Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH)];
    return [(255 * x) / WIDTH, (255 * y) / HEIGHT, 40 * frame][i % 3]!;
  });

const media = (path: string, format: string, codec: string, frames: number): Promise<void> =>
  writeMedia(path, format, [
    { codec, width: WIDTH, height: HEIGHT, frames: Array.from({ length: frames }, (_, i) => gradient(i)) },
  ]);

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const clip = (frames: number): HostTensor<'u8'> => ({
  dtype: 'u8',
  shape: [frames, 16, 20, 3],
  data: Uint8Array.from({ length: frames * 16 * 20 * 3 }, (_, i) => i % 251),
});

/** Column-major, big-endian and of another version: variants of `.npy` that this package does not write. */
function oldNpy(): Uint8Array {
  const header = "{'descr': '>f4', 'fortran_order': True, 'shape': (9, 4, 4, 3L), }";
  const head = [...text('\x93NUMPY')].slice(-5);
  const padded = text(`${header.padEnd(115)}\n`);
  return Uint8Array.from([
    0x93,
    ...head,
    2,
    0,
    padded.length,
    0,
    0,
    0,
    ...padded,
    ...new Uint8Array(9 * 4 * 4 * 3 * 4),
  ]);
}

const tensors = (): StateDict =>
  new Map<string, HostTensor>([
    ['layer.weight', floatTensor([3, 4], fill('weight', 12))],
    ['layer.bias', { dtype: 'f16', shape: [4], data: Uint16Array.from(fill('bias', 4), floatToHalf) }],
    ['steps', { dtype: 'i64', shape: [], data: BigInt64Array.of(7n) }],
    ['empty', floatTensor([0, 5], new Float32Array(0))],
    ['mask', { dtype: 'bool', shape: [5], data: Uint8Array.of(1, 0, 1, 1, 0) }],
  ]);

function model(): Model {
  const spec = modelSpec({ architecture: INCEPTION_4, stream: 'rgb', classes: 2, width: 0.05, frames: 8, size: 16 });
  return {
    spec,
    classes: ['wave', 'jump'],
    parameters: initialParameters(spec, 1),
    notes: { command: 'i3d train clips' },
  };
}

/** The names and shapes that tell I3D from other networks, without the millions of values. */
const I3D_START = { 'Conv3d_1a_7x7.conv3d.weight': [4, 3, 7, 7, 7], 'logits.conv3d.weight': [5, 16, 1, 1, 1] };

const CONFIG = {
  data: 'clips',
  streams: ['rgb'],
  batch: 4,
  epochs: 2.5,
  model: { width: 0.25, frames: 16 },
  stages: [{ name: 'head', trains: 'head', steps: 20, learningRate: 0.05 }],
  augmentation: { flip: false, scale: [0.8, 1] },
};
const TUNING = { 'vulkan llvmpipe conv3d 1': { candidate: 'tiled 64×64×16 8×8', ms: 1.25 } };
const METRICS = [
  { kind: 'step', stream: 'rgb', step: 1, loss: 2.1 },
  { kind: 'evaluation', stream: 'rgb', stage: 'all', step: 2, top1: 0.5, top5: 1, loss: 1.5 },
];
const LIST = 'path,label,split\na/1.npy,wave,train\n"a/2.npy","jump, high",test\na/3.npy,wave,test\n';

/** Writes all samples below a folder. */
export async function writeSamples(folder: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  /** @param files By name; those after `mutated` lie beside them as they are. */
  const sample = async (
    reader: ReaderName,
    entry: string,
    files: Readonly<Record<string, Uint8Array>>,
    mutated = Object.keys(files),
  ): Promise<string> => {
    const own = join(folder, String(samples.length));
    samples.push({ reader, name: `made ${entry === '.' ? reader : entry}`, folder: own, files: mutated, entry });
    await mkdir(own, { recursive: true });
    for (const [name, contents] of Object.entries(files)) {
      await mkdir(dirname(join(own, name)), { recursive: true });
      await writeFile(join(own, name), contents);
    }
    return own;
  };
  const one = (reader: ReaderName, name: string, contents: Uint8Array) => sample(reader, name, { [name]: contents });

  for (const [name, reader, ...format] of MEDIA) {
    await media(join(await sample(reader, name, {}, [name]), name), ...format);
  }
  const pictures = ['frame2.png', 'frame10.png', 'frame11.png'];
  const series = await sample('folder', '.', {}, pictures);
  for (const name of pictures) await media(join(series, name), 'image2pipe', 'png', 1);
  await one('npy', 'clip.npy', encodeNpy(clip(3)));
  await one('npy', 'old.npy', oldNpy());
  await one('npz', 'clip.npz', zipSync({ 'frames.npy': encodeNpy(clip(2)), 'label.npy': encodeNpy(clip(1)) }));
  await one('npz', 'one.npz', zipSync({ 'frames.npy': encodeNpy(clip(2)) }, { level: 0 }));
  await one('flow', 'flow.npy', encodeNpy(floatTensor([3, 5, 7, 2], fill('stored flow', 210))));
  await one('flo', 'flow.flo', encodeFlo(floatTensor([5, 7, 2], fill('flow', 70))));
  await one('safetensors', 'weights.safetensors', encodeSafetensors(tensors(), { format: 'pt', note: '1' }));
  await one('pytorch', 'i3d.pt', zeroCheckpoint(I3D_START));
  const { index, data } = encodeTensorFlowCheckpoint(tensors());
  await sample('tensorflow', 'model.ckpt.index', {
    'model.ckpt.index': index,
    'model.ckpt.data-00000-of-00001': data,
  });
  await one('model', 'rgb.safetensors', encodeModelFile(model(), { dtype: 'f16' }));
  const { spec, classes, parameters } = model();
  const name = 'checkpoint-rgb.safetensors';
  await saveCheckpoint(join(await sample('checkpoint', name, {}, [name]), name), {
    spec,
    classes,
    step: 3,
    recipe: { seed: 1, stages: [{ steps: 5 }] },
    state: new Map([...parameters, ['optimizer/velocity', floatTensor([2], [1, 2])]]),
  });
  const clips = Object.fromEntries(['a/1.npy', 'a/2.npy', 'a/3.npy'].map((path) => [path, encodeNpy(clip(2))]));
  await sample('list', 'list.csv', { 'list.csv': text(LIST), ...clips }, ['list.csv']);
  await one('config', 'config.json', text(JSON.stringify(CONFIG, null, 1)));
  await one('labels', 'labels.txt', text('wave\njump\nsit down\nstand up\nbend\n'));
  await one('tuning', 'tuning.json', text(JSON.stringify(TUNING, null, 1)));
  await one('metrics', 'metrics.jsonl', text(METRICS.map((line) => `${JSON.stringify(line)}\n`).join('')));
  return samples;
}
