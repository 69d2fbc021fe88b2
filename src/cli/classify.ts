/** @file `i3d classify`: what happens in a clip. */

import { type Command, Option } from 'commander';
import { InputError } from '../core/errors.ts';
import { type PresetName, presets } from '../flow/index.ts';
import type { Stream } from '../i3d/architecture.ts';
import { checkFusionWeights, type FusionMode } from '../i3d/scores.ts';
import { checkWindowRequest, windows } from '../i3d/windows.ts';
import { NOMINAL_FPS } from './arrays.ts';
import { openClipReader } from './clip-reader.ts';
import { ComputedFlow, type FlowUnits, StoredFlow } from './flow-source.ts';
import {
  addClipOptions,
  addDeviceOptions,
  type ClipFlags,
  type DeviceFlags,
  numbers,
  positiveNumber,
} from './options.ts';
import { type Networks, recognise, type WindowSource } from './recognise.ts';
import { checkReportPath, writeReport } from './report.ts';
import { type Classification, printClassification } from './result.ts';
import { Sampler } from './samples.ts';
import { type Session, withSession } from './session.ts';
import { loadLabels, loadStream } from './weights.ts';
import type { ClipWindow } from './window-stream.ts';

export interface ClassifyFlags extends ClipFlags, DeviceFlags {
  readonly rgb?: string;
  readonly flow?: string;
  readonly stream?: Stream | 'both';
  readonly fusion: FusionMode;
  readonly weights?: number[];
  readonly preset: PresetName;
  readonly flowInput?: string;
  readonly flowUnits: FlowUnits;
  readonly flowQuantise?: boolean;
  readonly labels?: string;
  readonly top: number;
  readonly report?: string;
  readonly logits?: boolean;
  readonly json?: boolean;
}

export function addClassify(program: Command): Command {
  const command = program
    .command('classify')
    .description('Say what happens in a clip.')
    .argument('[input]', 'a video, a GIF, a folder of images, or a .npy array T×H×W×3')
    .option('--rgb <weights>', 'weights of the RGB stream (.pt, .safetensors or a TensorFlow checkpoint)')
    .option('--flow <weights>', 'weights of the flow stream');
  addClipOptions(command, 'one window of n frames (default: windows of 64 that cover the clip, averaged)')
    .addOption(
      new Option('--stream <name>', 'which streams (default: those with weights)').choices(['rgb', 'flow', 'both']),
    )
    .addOption(
      new Option('--fusion <what>', 'what of two streams is added')
        .choices(['logits', 'probabilities'])
        .default('logits'),
    )
    .option('--weights <rgb,flow>', 'factors of the two streams (default: 1,1)', numbers)
    .addOption(new Option('--preset <name>', 'how flow is computed').choices(Object.keys(presets)).default('opencv'))
    .option('--flow-input <file>', 'flow from a .npy array T×H×W×2 instead; frame i leads from frame i to i + 1')
    .addOption(
      new Option('--flow-units <units>', 'of --flow-input: pixels, or divided by 20')
        .choices(['pixels', 'scaled'])
        .default('pixels'),
    )
    .option('--flow-quantise', 'round flow to 8 bits, as pipelines do that store it as JPEG pictures')
    .option('--labels <file>', 'names of the classes, one on each line (default: Kinetics-400 or -600)')
    .option('--top <k>', 'how many classes to show', positiveNumber, 5)
    .option('--report <file.html>', 'write a page with frames, flow, scores and times')
    .option('--logits', 'the logits of all classes, too')
    .option('--json', 'print one JSON object');
  addDeviceOptions(command);
  return command.action((input: string | undefined, flags: ClassifyFlags) =>
    withSession(flags, async (session) => {
      const result = await classify(input, flags, session);
      session.progress.clear();
      printClassification(result, flags);
    }),
  );
}

async function classify(input: string | undefined, flags: ClassifyFlags, session: Session): Promise<Classification> {
  checkWindowRequest(flags);
  const paths = chooseStreams(flags);
  const { weights, flowInput } = flags;
  if (weights) checkFusionWeights(weights);
  if (flags.report !== undefined) await checkReportPath(flags.report);
  const stored =
    paths.flow !== undefined && flowInput !== undefined
      ? await StoredFlow.open(flowInput, flags.flowUnits, flags.flowQuantise ?? false, session)
      : undefined;
  const source = await openSource(input, paths, stored, flags, session);
  try {
    session.progress.say('reading weights');
    const load = (stream: Stream) => {
      const path = paths[stream];
      return path === undefined ? undefined : session.time('prepare', () => loadStream(path, stream));
    };
    const [rgb, flow] = [await load('rgb'), await load('flow')];
    const classes = (rgb ?? flow)!.classes;
    if (flow && flow.classes !== classes) {
      throw new InputError(`${paths.rgb} has ${classes} classes and ${paths.flow} has ${flow.classes}.`);
    }
    const labels = await loadLabels(flags.labels, classes);
    const networks: Networks = {
      rgb,
      flow: flow && { checkpoint: flow, source: stored ?? new ComputedFlow(session, flags.preset, flags.flowQuantise) },
    };
    const sampler = flags.report === undefined ? undefined : new Sampler();
    const seesFrames = paths.rgb !== undefined || !stored;
    const result = await recognise(
      input ?? flowInput!,
      source,
      networks,
      labels,
      { ...flags, weights, onWindow: sampler && ((window, flow) => sampler.add(window, flow, seesFrames)) },
      session,
    );
    if (sampler) await writeReport(flags.report!, result, sampler);
    return result;
  } finally {
    await source.close();
  }
}

/** The weights of the streams that take part. */
function chooseStreams({ rgb, flow, stream }: ClassifyFlags): Partial<Record<Stream, string>> {
  if (rgb === undefined && flow === undefined) {
    throw new InputError(
      'classify needs weights: give --rgb WEIGHTS, --flow WEIGHTS or both, such as the published rgb_imagenet.pt.',
    );
  }
  const wanted: readonly Stream[] = stream === undefined || stream === 'both' ? ['rgb', 'flow'] : [stream];
  const given = { ...(rgb === undefined ? {} : { rgb }), ...(flow === undefined ? {} : { flow }) };
  if (stream === undefined) return given;
  const missing = wanted.find((name) => given[name] === undefined);
  if (missing)
    throw new InputError(`--stream ${stream} needs the weights of the ${missing} stream: give --${missing}.`);
  return Object.fromEntries(wanted.map((name) => [name, given[name]]));
}

type ClosableSource = WindowSource & { close(): Promise<void> };

async function openSource(
  input: string | undefined,
  paths: Partial<Record<Stream, string>>,
  stored: StoredFlow | undefined,
  flags: ClassifyFlags,
  session: Session,
): Promise<ClosableSource> {
  if (paths.rgb === undefined && stored) return flowWindows(stored, flags);
  if (input === undefined) throw new InputError('classify needs a clip: a video, a GIF, a folder of images or a .npy.');
  return openClipReader(input, { ...flags, following: paths.flow !== undefined && !stored }, session);
}

/** Windows of stored flow alone: there are no frames to look at. */
function flowWindows({ flow }: StoredFlow, { frames, start }: ClassifyFlags): ClosableSource {
  const [total = 0, height = 0, width = 0] = flow.shape;
  async function* all(): AsyncGenerator<ClipWindow, void, undefined> {
    for (const window of windows(total, { frames, start })) yield { ...window, clip: flow, margin: 0 };
  }
  return { width, height, fps: NOMINAL_FPS, windows: all, close: async () => {} };
}
