/** @file `i3d classify`: what happens in a clip. */

import { type Command, Option } from 'commander';
import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import { type PresetName, presets } from '../../flow/index.ts';
import type { Stream } from '../../i3d/architecture.ts';
import { I3dStream } from '../../i3d/classifier.ts';
import { modelSpec } from '../../i3d/spec.ts';
import { checkWindowRequest, type WindowRequest, windows } from '../../i3d/windows.ts';
import { checkWritable } from '../../io/atomic.ts';
import { DEFAULT_FPS } from '../../io/clip.ts';
import { KINETICS_400 } from '../../models/labels.ts';
import { checkFusionWeights, type FusionMode } from '../../models/scores.ts';
import { type ChosenNetworks, type ClipRule, chooseNetworks, type NetworkFlags } from '../networks.ts';
import {
  addClipOptions,
  addDeviceOptions,
  type ClipFlags,
  type DeviceFlags,
  numbers,
  positiveNumber,
} from '../options.ts';
import { writeReport } from '../report/report.ts';
import { type Classification, printClassification } from '../report/result.ts';
import { Sampler } from '../report/samples.ts';
import { type Session, withSession } from '../session.ts';
import { openClipReader } from '../streams/clip-reader.ts';
import { ComputedFlow, type FlowUnits, StoredFlow } from '../streams/flow-source.ts';
import { type Networks, recognise, type WindowSource } from '../streams/recognise.ts';
import type { ClipWindow } from '../streams/window-stream.ts';
import { both } from '../terminal/output.ts';
import { loadLabels } from '../weights.ts';

interface ClassifyFlags extends ClipFlags, DeviceFlags, NetworkFlags {
  readonly fusion: FusionMode;
  readonly weights?: number[];
  readonly preset?: PresetName;
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
    .option('--model <path>', 'what i3d train wrote: a folder with a model for each stream, or the file of one')
    .option('--rgb <weights>', 'weights of the RGB stream (.pt, .safetensors or a TensorFlow checkpoint)')
    .option('--flow <weights>', 'weights of the flow stream');
  addClipOptions(
    command,
    'one window of n frames (default: windows of 64, or of what a model takes, that cover the clip, averaged)',
  )
    .addOption(
      new Option('--stream <name>', 'which streams (default: those with weights)').choices(['rgb', 'flow', 'both']),
    )
    .addOption(
      new Option('--fusion <what>', 'what of two streams is added')
        .choices(['logits', 'probabilities'])
        .default('logits'),
    )
    .option('--weights <rgb,flow>', 'factors of the two streams (default: 1,1)', numbers)
    .addOption(
      new Option('--preset <name>', 'how flow is computed (default: opencv, or as for training)').choices(
        Object.keys(presets),
      ),
    )
    .option('--flow-input <file>', 'flow from a .npy array T×H×W×2 instead; frame i leads from frame i to i + 1')
    .addOption(
      new Option('--flow-units <units>', 'of --flow-input: pixels, or divided by 20')
        .choices(['pixels', 'scaled'])
        .default('pixels'),
    )
    .option('--flow-quantise', 'round flow to 8 bits, as pipelines do that store it as JPEG pictures')
    .option(
      '--labels <file>',
      'names of the classes, one on each line (default: a model’s own, or Kinetics-400 or -600)',
    )
    .option('--top <k>', 'how many classes to show', positiveNumber, 5)
    .option('--report <file.html>', 'write a page with frames, flow, scores and times')
    .option('--logits', 'the logits of all classes, too')
    .option('--json', 'print one JSON object');
  addDeviceOptions(command);
  return command.action((input: string | undefined, flags: ClassifyFlags) =>
    withSession(flags, async (session) => {
      await classify(input, flags, session);
    }),
  );
}

/** What happens in a clip; printed, and written as a page where that was asked for. */
export async function classify(
  input: string | undefined,
  flags: ClassifyFlags,
  session: Session,
): Promise<Classification> {
  const chosen = await chooseNetworks(flags, (text) => session.warn(text));
  const { rule, streams } = chosen;
  checkWindowRequest(requestOf(flags, rule));
  const { weights, flowInput } = flags;
  if (weights) checkFusionWeights(weights);
  if (flags.report !== undefined) await checkWritable(flags.report);
  const stored =
    streams.has('flow') && flowInput !== undefined
      ? await StoredFlow.open(flowInput, flags.flowUnits, flags.flowQuantise ?? false, rule, session)
      : undefined;
  let source: ClosableSource | undefined;
  try {
    source = await openSource(input, chosen, stored, flags, session);
    await session.gpu();
    session.progress.say('reading weights');
    const compiling = compileAhead(chosen, source, flags, session);
    const load = (stream: Stream) =>
      streams.has(stream) ? session.time('prepare', () => chosen.load(stream)) : undefined;
    const [rgb, flow] = [await load('rgb'), await load('flow')];
    await compiling;
    const { classes } = (rgb ?? flow)!.spec;
    if (flow && flow.spec.classes !== classes) {
      throw new InputError(
        `${chosen.source('rgb')} has ${counted(classes, 'class')} and ${chosen.source('flow')} has ${flow.spec.classes}.`,
      );
    }
    const labels =
      flags.labels === undefined && chosen.classes ? chosen.classes : await loadLabels(flags.labels, classes);
    const { preset = rule.flowPreset, flowQuantise } = flags;
    const networks: Networks = {
      rgb,
      flow: flow && {
        network: flow,
        source: stored ?? new ComputedFlow(session, preset, rule.flowBound, flowQuantise),
      },
    };
    const sampler = flags.report === undefined ? undefined : new Sampler(rule.flowBound);
    const seesFrames = streams.has('rgb') || !stored;
    const fill = rule.trained && flags.frames === undefined ? rule.frames : undefined;
    const result = await recognise(
      input ?? flowInput!,
      source,
      networks,
      labels,
      { ...flags, weights, fill, onWindow: sampler && ((window, flow) => sampler.add(window, flow, seesFrames)) },
      session,
    );
    for (const text of stored?.flow.warnings() ?? []) session.warn(text);
    session.progress.clear();
    await both(
      () => printClassification(result, flags),
      async () => sampler && writeReport(flags.report!, result, sampler),
    );
    return result;
  } finally {
    await source?.close();
    await stored?.close();
  }
}

/**
 * Compiles the kernels of I3D while its weights are read; models are small and already there. What may be wrong with the clip or
 * the device shows where the clip is seen.
 */
async function compileAhead(
  { rule, streams }: ChosenNetworks,
  { width, height }: WindowSource,
  flags: ClassifyFlags,
  session: Session,
): Promise<void> {
  if (rule.trained) return;
  const stream = streams.has('rgb') ? 'rgb' : 'flow';
  const spec = modelSpec({ architecture: 'i3d', stream, classes: KINETICS_400.length });
  const frames = flags.frames ?? rule.frames;
  const input =
    stream === 'rgb'
      ? ({ dtype: 'u8', shape: [frames, height, width, 3] } as const)
      : ({ dtype: 'f32', shape: [frames, rule.size, rule.size, 2] } as const);
  try {
    const { accuracy, kernel } = flags;
    const settings = { accuracy, kernel, tuning: await session.tuning() };
    const gpu = await session.gpu();
    await session.time('compile', () => I3dStream.compileAhead(gpu, spec, input, settings));
  } catch {
    // It is only ahead of time.
  }
}

const requestOf = ({ frames, start }: ClipFlags, { frames: size, minimum }: ClipRule): WindowRequest => ({
  frames,
  start,
  size,
  minimum,
});

type ClosableSource = WindowSource & { close(): Promise<void> };

async function openSource(
  input: string | undefined,
  { rule, streams }: ChosenNetworks,
  stored: StoredFlow | undefined,
  flags: ClassifyFlags,
  session: Session,
): Promise<ClosableSource> {
  if (!streams.has('rgb') && stored) {
    return flowWindows(stored, requestOf(flags, rule));
  }
  if (input === undefined) throw new InputError('classify needs a clip: a video, a GIF, a folder of images or a .npy.');
  return openClipReader(input, { ...flags, rule, following: streams.has('flow') && !stored }, session);
}

/** Windows of stored flow alone: there are no frames to look at. */
function flowWindows({ flow }: StoredFlow, request: WindowRequest): ClosableSource {
  const { height, width } = flow;
  async function* all(): AsyncGenerator<ClipWindow, void, undefined> {
    for (const { start, frames } of windows(flow.frames, request)) {
      yield { start, frames, clip: await flow.readFloats(start, frames) };
    }
  }
  return { width, height, fps: DEFAULT_FPS, windows: all, close: async () => {} };
}
