/** @file `i3d flow`: TV-L1 optical flow between the frames of a clip, or between two images. */

import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { InputError } from '../../core/errors.ts';
import type { FloatTensor, HostTensor } from '../../core/tensor.ts';
import { counted } from '../../core/words.ts';
import {
  compareFlow,
  computeFlow,
  type FlowError,
  type PresetName,
  presets,
  resolveOptions,
  type Tvl1Options,
} from '../../flow/index.ts';
import { checkOptions, type FrameSource } from '../../io/clip.ts';
import { decodeFlo } from '../../io/flo.ts';
import { openFrames } from '../../io/video.ts';
import type { PreprocessAttributes } from '../../ops/preprocess.ts';
import { LateReducer, type Part, reducedFrames, wholeFrames } from '../../recognition/frame_parts.ts';
import {
  addClipOptions,
  addDeviceOptions,
  type ClipFlags,
  type DeviceFlags,
  type FrameSize,
  frameSize,
  positiveReal,
} from '../options.ts';
import { type Session, withSession } from '../session.ts';
import { checkDamage, timedDecoding } from '../streams/decoding.ts';
import { checkOutput, type FolderFormat, writeFlow } from '../streams/flow-output.ts';
import { print } from '../terminal/output.ts';
import { seconds } from '../terminal/table.ts';

interface FlowFlags extends ClipFlags, DeviceFlags {
  readonly out?: string;
  readonly preset: PresetName;
  readonly set?: Partial<Tvl1Options>;
  readonly size?: FrameSize;
  readonly format: FolderFormat;
  readonly maxLength?: number;
  readonly compare?: string;
  readonly json?: boolean;
}

/** Pairs that are computed at once: more save little, and all of them are held in memory. */
const GROUP_PAIRS = 16;
/** Bytes of flow that are held at once, whatever the frames' size. */
const GROUP_BYTES = 2 ** 28;

export function addFlow(program: Command): Command {
  const command = program
    .command('flow')
    .description('Compute TV-L1 optical flow from each frame to the next.')
    .argument('<input>', 'a video, a GIF, a folder of images, a .npy array T×H×W×3, or an image')
    .argument('[second]', 'the second image, where the first is one')
    .option('--out <path>', '.npy, .flo or .png (one pair), .mp4 in colour, or a folder');
  addClipOptions(command, 'take n frames, which are n − 1 pairs')
    .addOption(new Option('--preset <name>', 'parameters').choices(Object.keys(presets)).default('opencv'))
    .option('--set <name=value,…>', 'single parameters, by OpenCV’s names, such as lambda=0.3,warps=10', parameters)
    .option('--size <w>x<h>', 'scale the frames first', frameSize)
    .addOption(new Option('--format <kind>', 'what a folder is filled with').choices(['flo', 'png']).default('flo'))
    .option('--max-length <pixels>', 'length with the full colour (default: the longest at the start)', positiveReal)
    .option('--compare <truth.flo>', 'print the end-point and angular error of one pair')
    .option('--json', 'print one JSON object');
  addDeviceOptions(command);
  return command.action((input: string, second: string | undefined, flags: FlowFlags) =>
    withSession(flags, (session) => run(input, second, flags, session)),
  );
}

async function run(input: string, second: string | undefined, flags: FlowFlags, session: Session): Promise<void> {
  const { out, compare, frames } = flags;
  if (out === undefined && compare === undefined)
    throw new InputError('flow needs --out PATH, --compare TRUTH.flo or both.');
  if (out !== undefined) checkOutput(out);
  checkOptions({ frames, start: flags.start });
  if (frames !== undefined && frames < 2) throw new InputError(`Flow needs at least 2 frames, not ${frames}.`);
  resolveOptions({ preset: flags.preset, ...flags.set });
  const truth = compare === undefined ? undefined : await readTruth(compare);
  const source =
    second === undefined ? await openSource(input, flags, session) : await openPair(input, second, session);
  let error: FlowError | undefined;
  let shape: readonly number[] = [];
  let pairs = 0;
  async function* watched(): AsyncGenerator<FloatTensor, void, undefined> {
    for await (const group of flowGroups(source, input, flags, session)) {
      pairs += group.shape[0]!;
      shape = group.shape.slice(1);
      if (truth) {
        if (pairs > 1) throw new InputError('--compare takes the flow of one pair: two images, or --frames 2.');
        error = compareFlow({ ...group, shape }, truth);
      }
      yield group;
    }
  }
  try {
    const options = { format: flags.format, maxLength: flags.maxLength, fps: source.fps };
    if (out !== undefined) await writeFlow(out, watched(), options);
    else for await (const _ of watched());
    for (const text of source.warnings()) session.warn(text);
  } finally {
    await source.close();
  }
  session.progress.clear();
  const [height = 0, width = 0] = shape;
  const { description } = (await session.gpu()).profile;
  const perPair = session.spent.flow / pairs;
  if (flags.json) {
    const facts = { input, second, out, pairs, width, height, preset: flags.preset, ...error };
    await print(`${JSON.stringify({ ...facts, secondsPerPair: perPair, adapter: description })}\n`);
    return;
  }
  const what = `${counted(pairs, 'pair')} of ${width}×${height}`;
  await print(`${what}${out ? ` in ${out}` : ''}, ${seconds(perPair)} each on ${description}\n`);
  if (error) {
    const { endPointError, angularError, validPixels } = error;
    await print(
      `end-point error ${endPointError.toFixed(4)} px, angular error ${angularError.toFixed(3)}°, over ${counted(validPixels, 'pixel')}\n`,
    );
  }
}

/** Flow of frames as they come; consecutive groups share one frame. */
async function* flowGroups(
  source: FrameSource,
  input: string,
  flags: FlowFlags,
  session: Session,
): AsyncGenerator<FloatTensor, void, undefined> {
  const { width, height } = flags.size ?? source;
  const most = Math.max(1, Math.min(GROUP_PAIRS, Math.floor(GROUP_BYTES / (width * height * 8))));
  const reducer =
    width === source.width && height === source.height
      ? undefined
      : new LateReducer(session, () => scaleTo(width, height));
  await session.gpu();
  const frames = timedDecoding(source.frames(), session);
  let held: Uint8Array[] = [];
  let done = 0;
  const flush = async (): Promise<FloatTensor> => {
    const clip: HostTensor<'u8'> = { dtype: 'u8', shape: [held.length, height, width, 3], data: concatenate(held) };
    const settings = { preset: flags.preset, ...flags.set };
    session.progress.say(`flow, pairs ${done + 1} to ${done + held.length - 1}`);
    const flow = await session.time('flow', () => session.onDevice((gpu) => computeFlow(gpu, clip, settings)));
    done += held.length - 1;
    held = held.slice(-1);
    return flow;
  };
  try {
    for await (const part of reducer ? reducedFrames(frames, reducer) : wholeFrames(frames)) {
      held.push(bytesOf(part));
      if (held.length > most) {
        if (!flags.keepGoing) checkDamage(source.warnings(), false);
        yield await flush();
      }
    }
    if (!flags.keepGoing) checkDamage(source.warnings(), flags.frames === undefined);
    if (held.length > 1) yield await flush();
    if (done === 0) throw new InputError(`Flow needs two frames or more; ${input} gives ${held.length}.`);
  } finally {
    reducer?.dispose();
  }
}

async function openSource(input: string, flags: FlowFlags, session: Session): Promise<FrameSource> {
  const { frames, start, fps, videoStream: stream } = flags;
  const onProgress = (count: number) => session.progress.count('decoding frame', count);
  return session.time('decode', () => openFrames(input, { frames, start, fps, stream, onProgress }));
}

/** Two images as a clip of two frames. */
async function openPair(first: string, second: string, session: Session): Promise<FrameSource> {
  const a = await session.time('decode', () => openFrames(first, { frames: 1 }));
  const b = await session.time('decode', () => openFrames(second, { frames: 1 }));
  const close = async () => {
    await a.close();
    await b.close();
  };
  if (a.width !== b.width || a.height !== b.height) {
    await close();
    throw new InputError(
      `${first} has ${a.width}×${a.height} pixels and ${second} ${b.width}×${b.height}; flow needs two of the same size.`,
    );
  }
  async function* frames() {
    yield* a.frames();
    yield* b.frames();
  }
  return { ...a, frames, warnings: () => [...a.warnings(), ...b.warnings()], close };
}

/** @throws InputError where there is nothing to compare with. */
async function readTruth(path: string): Promise<FloatTensor> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(
      `${path} ${cause.code === 'ENOENT' ? 'does not exist' : 'cannot be read'}; give a .flo file.`,
      {
        cause,
      },
    );
  });
  const truth = decodeFlo(bytes, path);
  if (compareFlow(truth, truth).validPixels === 0) {
    throw new InputError(`${path} is unknown at every pixel; there is nothing to compare with.`);
  }
  return truth;
}

/** The whole frame at another size, 0 … 255. */
function scaleTo(width: number, height: number): PreprocessAttributes {
  return { resized: { height, width }, crop: { top: 0, left: 0, height, width }, scale: 1, shift: 0 };
}

function bytesOf({ data }: Part): Uint8Array {
  return data instanceof Uint8Array ? data : Uint8Array.from(data, Math.round);
}

function concatenate(frames: readonly Uint8Array[]): Uint8Array {
  const size = frames[0]!.length;
  const all = new Uint8Array(frames.length * size);
  for (const [i, frame] of frames.entries()) all.set(frame, i * size);
  return all;
}

function parameters(text: string): Partial<Tvl1Options> {
  const names = Object.keys(presets.opencv);
  const entries = text.split(',').map((part) => {
    const [name = '', value = ''] = part.split('=').map((side) => side.trim());
    if (!names.includes(name)) throw new InvalidArgumentError(`There is no ${name}; there are ${names.join(', ')}.`);
    if (name === 'useInitialFlow') throw new InvalidArgumentError('A clip starts from no initial flow.');
    if (value === '') throw new InvalidArgumentError(`${name} needs a value, such as lambda=0.3.`);
    return [name, parameter(value)];
  });
  return Object.fromEntries(entries);
}

function parameter(value: string): string | number | boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  return Number.isNaN(Number(value)) ? value : Number(value);
}
