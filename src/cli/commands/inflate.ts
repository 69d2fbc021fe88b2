/** @file `i3d inflate` and `i3d verify`: from a network for images to one for clips, and the proof that it is the same one. */

import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { MODELS } from '../../catalogue.ts';
import { I3dError, InputError } from '../../core/errors.ts';
import { Random } from '../../core/random.ts';
import { type FloatTensor, floatTensor } from '../../core/tensor.ts';
import { counted } from '../../core/words.ts';
import { openFrames } from '../../io/video.ts';
import { loadWeightsFile } from '../../io/weights.ts';
import { FrameReducer, specGeometry } from '../../models/frames.ts';
import { inflateModel } from '../../models/inflate.ts';
import { isModelFile, parseModelFile } from '../../models/model_file.ts';
import type { Network } from '../../models/recogniser.ts';
import { TOLERANCE, type Verification, verifyInflation } from '../../models/verify.ts';
import { readImageModel, readWeights } from '../../models/weights.ts';
import { saveModelFile } from '../../train/run/model_files.ts';
import { type DeviceFlags, frameSide } from '../options.ts';
import { type Session, withSession } from '../session.ts';
import { print, say } from '../terminal/output.ts';
import { classCount, table } from '../terminal/table.ts';

export function addInflate(program: Command): Command {
  return program
    .command('inflate')
    .description(
      'Make a network for clips from a 2D one for images: kernels are repeated N times along time and divided by N.',
    )
    .argument(
      '<2d>',
      'Inception-v1 by the names of torchvision’s googlenet, TensorFlow-Slim or this project; or a 2D model',
    )
    .argument('<out>', 'the model to write, a .safetensors file')
    .action(inflate);
}

async function inflate(input: string, output: string): Promise<void> {
  if (extname(output).toLowerCase() !== '.safetensors') {
    throw new InputError(`${output} must end in .safetensors, the format that is written.`);
  }
  const file = await loadWeightsFile(input);
  const flat = await readImageModel(file, input, MODELS);
  for (const text of [...file.warnings, ...flat.warnings]) say(text);
  const model = inflateModel(flat);
  const command = `i3d inflate ${basename(input)} ${basename(output)}`;
  await saveModelFile(output, { ...model, notes: { ...model.notes, command } });
  const { architecture, stream, classes, frames, size } = model.spec;
  await print(
    `${output}: ${architecture}, ${stream}, ${classCount({ classes })}, for clips of ${frames} frames of ${size}×${size}\n`,
  );
}

interface VerifyFlags extends DeviceFlags {
  readonly clip?: string;
  readonly size: number;
  readonly json?: boolean;
}

export function addVerify(program: Command): Command {
  return program
    .command('verify')
    .description('Run a 2D network on an image and the inflated one on that image repeated, and compare every layer.')
    .argument('<2d>', 'the 2D network, as inflate takes it')
    .argument('<3d>', 'the 3D network: a model, or published weights')
    .option('--clip <path>', 'an image, or a clip whose first frame is taken (default: noise)')
    .option('--size <pixels>', 'side of the image; layers are compared at any size', frameSide, 64)
    .option('--adapter <name>', 'take the adapter whose name contains this')
    .option('--json', 'print one JSON object')
    .action((flat: string, inflated: string, flags: VerifyFlags) =>
      withSession(flags, (session) => verify(flat, inflated, flags, session)),
    );
}

/** Two networks were compared and are not the same. */
class VerificationError extends I3dError {
  override name = 'VerificationError';
  readonly code = 'verification-failed';
}

async function verify(flatPath: string, path: string, flags: VerifyFlags, session: Session): Promise<void> {
  const file = await loadWeightsFile(flatPath);
  const flat = await readImageModel(file, flatPath, MODELS);
  for (const text of [...file.warnings, ...flat.warnings]) session.warn(text);
  const inflated = await readVolumeNetwork(path);
  const image = await readImage(flat, flags, session);
  session.progress.say('running both networks');
  const result = await session.onDevice((gpu) => verifyInflation(gpu, flat, inflated, image));
  session.progress.clear();
  const lost = result.layers.find(({ difference }) => !Number.isFinite(difference));
  if (lost) {
    throw new VerificationError(
      `${path} and ${flatPath} cannot be compared: values of ${lost.layer} are no finite numbers in one of them.`,
    );
  }
  await print(`${flags.json ? toJson(result) : toText(result)}\n`);
  if (!result.first) return;
  const { layer, difference } = result.first;
  throw new VerificationError(
    `${path} is not ${flatPath} inflated: they differ first in ${layer}, by ${difference.toExponential(1)} of its largest value, where ${TOLERANCE.toExponential(0)} is allowed.`,
  );
}

async function readVolumeNetwork(path: string): Promise<Network> {
  const file = await loadWeightsFile(path);
  return isModelFile(file.metadata) ? parseModelFile(file, path, MODELS) : readWeights(file.tensors, path, MODELS);
}

/** size×size×C, −1 … 1. */
async function readImage({ spec }: Network, { clip, size }: VerifyFlags, session: Session): Promise<FloatTensor> {
  const { channels } = spec;
  if (clip === undefined) {
    const random = new Random(1, 'verify');
    const shape = [size, size, channels];
    return floatTensor(
      shape,
      Float32Array.from({ length: size * size * channels }, () => random.range(-1, 1)),
    );
  }
  if (channels !== 3)
    throw new InputError(`--clip shows RGB, and the network takes ${channels} channels; leave it out.`);
  const source = await openFrames(clip, { frames: 1 });
  try {
    const { value: frame } = await source.frames().next();
    if (!frame) throw new InputError(`${clip} holds no frames.`);
    const { width, height, data } = frame;
    return await session.onDevice(async (gpu) => {
      const reducer = new FrameReducer(gpu, (h, w) => specGeometry({ ...spec, shortSide: size, size }, h, w));
      try {
        const { data: pixels } = await reducer.reduce({ dtype: 'u8', shape: [1, height, width, 3], data });
        return floatTensor([size, size, 3], pixels);
      } finally {
        reducer.dispose();
      }
    });
  } finally {
    await source.close();
  }
}

function toText({ frames, size, layers, first }: Verification): string {
  const rows = layers.map(({ layer, frames: count, free, difference }) => [
    layer,
    `${free} of ${count}`,
    difference.toExponential(1),
    difference <= TOLERANCE ? '' : 'differs',
  ]);
  const largest = layers.reduce((most, { difference }) => Math.max(most, difference), 0);
  return [
    `An image of ${size}×${size}, and a clip of it repeated ${counted(frames, 'time')}`,
    '',
    table(
      [
        { title: 'layer' },
        { title: 'frames compared', align: 'right' },
        { title: 'difference', align: 'right' },
        { title: '' },
      ],
      rows,
    ),
    '',
    first
      ? `The networks differ from ${first.layer} on.`
      : `All ${counted(layers.length, 'layer')} agree: the largest difference is ${largest.toExponential(1)} of a layer's largest value.`,
  ].join('\n');
}

function toJson({ frames, size, layers, first }: Verification): string {
  return JSON.stringify({ agrees: !first, tolerance: TOLERANCE, first: first?.layer ?? null, frames, size, layers });
}
