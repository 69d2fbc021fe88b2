/** @file `i3d classify`: what happens in a clip. */

import { type Command, Option } from 'commander';
import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import { type PresetName, presets } from '../../flow/index.ts';
import { ArrayClip, isArrayPath } from '../../io/array-clip.ts';
import { checkWritable } from '../../io/atomic.ts';
import { DEFAULT_FPS } from '../../io/clip.ts';
import type { ModelSpec, Stream } from '../../models/definition.ts';
import { checkFusionWeights, type FusionMode } from '../../models/scores.ts';
import { checkWindowRequest, type WindowRequest, windowRule, windows } from '../../models/windows.ts';
import { ComputedFlow } from '../../recognition/computed_flow.ts';
import type { ClipWindow } from '../../recognition/window_stream.ts';
import { type ChosenNetworks, CLASSIFY, chooseNetworks, type NetworkFlags } from '../networks.ts';
import {
  addClipOptions,
  addDeviceOptions,
  addModelTypeOption,
  type ClipFlags,
  type DeviceFlags,
  fusionOption,
  numbers,
  positiveNumber,
  share,
  streamOption,
} from '../options.ts';
import { writeReport } from '../report/report.ts';
import { type Classification, printClassification } from '../report/result.ts';
import { Sampler } from '../report/samples.ts';
import { type Session, withSession } from '../session.ts';
import { type ClipReader, openClipReader } from '../streams/clip-reader.ts';
import { compileAhead } from '../streams/compile-ahead.ts';
import { type FlowUnits, StoredFlow } from '../streams/flow-source.ts';
import { type Networks, recognise, type WindowSource } from '../streams/recognise.ts';
import { both } from '../terminal/output.ts';
import { loadLabels, type PreparedClip } from '../weights.ts';

interface ClassifyFlags extends ClipFlags, DeviceFlags, NetworkFlags {
  readonly fusion: FusionMode;
  readonly weights?: number[];
  readonly preset?: PresetName;
  readonly flowInput?: string;
  readonly flowUnits: FlowUnits;
  readonly flowQuantise?: boolean;
  readonly labels?: string;
  readonly sure?: number;
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
  addModelTypeOption(command);
  addClipOptions(
    command,
    'one window of n frames (default: windows of what the model takes that cover the clip, averaged)',
  )
    .addOption(streamOption())
    .addOption(fusionOption())
    .option('--weights <rgb,flow>', 'factors of the two streams (default: 1,1)', numbers)
    .addOption(
      new Option('--preset <name>', 'how flow is computed (default: opencv, or as for training)').choices(
        Object.keys(presets),
      ),
    )
    .option('--flow-input <file>', 'flow from a .npy array T×H×W×2 instead; frame i leads from frame i to i + 1')
    .addOption(
      new Option('--flow-units <units>', 'of --flow-input: pixels, or divided by what the model clips at')
        .choices(['pixels', 'scaled'])
        .default('pixels'),
    )
    .option('--flow-quantise', 'round flow to 8 bits, as pipelines do that store it as JPEG pictures')
    .option(
      '--labels <file>',
      'names of the classes, one on each line (default: a model’s own, or Kinetics-400 or -600)',
    )
    .option(
      '--sure <probability>',
      'leave the rest of the clip alone once the windows so far give their best class this probability',
      share,
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

/**
 * What happens in a clip; printed, and written as a page where that was asked for.
 * @param found The networks that the flags ask for, where somebody has looked for them already.
 */
export async function classify(
  input: string | undefined,
  flags: ClassifyFlags,
  session: Session,
  found?: ChosenNetworks,
): Promise<Classification> {
  const { weights, flowInput } = flags;
  // What costs nothing to find out comes before anything is read.
  if (weights) checkFusionWeights(weights);
  if (flags.report !== undefined) await checkWritable(flags.report);
  const chosen =
    found ??
    (await chooseNetworks(flags, (text) => session.warn(text), {
      ...CLASSIFY,
      clip: () => preparedClip(input, flags),
    }));
  const { rule, specs } = chosen;
  const { spec } = rule;
  checkWindowRequest(windowRule(spec), requestOf(flags));
  const stored =
    specs.has('flow') && flowInput !== undefined
      ? await StoredFlow.open(flowInput, flags.flowUnits, flags.flowQuantise ?? false, spec, session)
      : undefined;
  let source: ClipSource | undefined;
  try {
    source = await openSource(input, chosen, stored, flags, session);
    await session.gpu();
    session.progress.say('reading weights');
    const { preset: flowPreset = spec.flowPreset, flowQuantise } = flags;
    const flowAhead = specs.has('flow') && !stored ? flowPreset : undefined;
    const compiling = compileAhead(chosen, source.seen, { ...flags, flow: flowAhead }, session);
    // Whoever awaits it sees the error; where reading fails, nobody does.
    compiling.catch(() => undefined);
    const load = (stream: Stream) =>
      specs.has(stream) ? session.time('prepare', async () => chosen.load(stream)) : undefined;
    const [rgb, flow] = [await load('rgb'), await load('flow')];
    await compiling;
    const { classes } = (rgb ?? flow)!.spec;
    if (flow && flow.spec.classes !== classes) {
      throw new InputError(
        `${chosen.source('rgb')} has ${counted(classes, 'class')} and ${chosen.source('flow')} has ${flow.spec.classes}.`,
      );
    }
    if (classes === 1) {
      session.warn(
        `${chosen.source(rgb ? 'rgb' : 'flow')} has one class: its probability is the sigmoid of the logit, since the softmax of one logit is always 1.`,
      );
    }
    for (const { architecture } of specs.values()) {
      if (!architecture.text) continue;
      session.warn(
        `${architecture.name} gives no classes: its ${counted(classes, 'value')} are a point in the space of its texts, which i3d search looks for.`,
      );
    }
    const labels = flags.labels === undefined && chosen.classes ? chosen.classes : await loadLabels(flags.labels, spec);
    const onProgress = (done: number, all: number) => session.progress.count('flow', done, all);
    const networks: Networks = {
      rgb,
      flow: flow && {
        network: flow,
        source: stored ?? new ComputedFlow(session, { ...spec, flowPreset }, { quantise: flowQuantise, onProgress }),
      },
    };
    const sampler = flags.report === undefined ? undefined : new Sampler(spec);
    const seesFrames = specs.has('rgb') || !stored;
    const fill = rule.framing === 'whole' && flags.frames === undefined ? spec.frames : undefined;
    const result = await recognise(
      input ?? flowInput!,
      source,
      networks,
      labels,
      {
        ...flags,
        models: foundModels(chosen),
        weights,
        fill,
        onWindow: sampler && ((window, flow) => sampler.add(window, flow, seesFrames)),
      },
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

/** What an array holds; undefined of anything else, and of what cannot be opened, which is said where it is read. */
async function preparedClip(input: string | undefined, { frames }: ClipFlags): Promise<PreparedClip | undefined> {
  if (input === undefined || !isArrayPath(input)) return undefined;
  const array = await ArrayClip.open(input, 'frames').catch(() => undefined);
  await array?.close();
  return array && { frames: frames ?? array.frames, height: array.height, width: array.width };
}

/** Which models were found, by stream. */
const foundModels = ({ specs, origin }: ChosenNetworks): Classification['models'] =>
  new Map(
    [...specs].map(([stream, { architecture }]) => {
      const names = origin(stream);
      return [
        stream,
        { model: architecture.id, name: architecture.name, ...(names === undefined ? {} : { origin: names }) },
      ] as const;
    }),
  );

const requestOf = ({ frames, start }: ClipFlags): WindowRequest => ({ frames, start });

type ClipSource = WindowSource & Pick<ClipReader, 'seen' | 'close'>;

async function openSource(
  input: string | undefined,
  { rule, specs }: ChosenNetworks,
  stored: StoredFlow | undefined,
  flags: ClassifyFlags,
  session: Session,
): Promise<ClipSource> {
  if (!specs.has('rgb') && stored) return flowWindows(stored, rule.spec, requestOf(flags));
  if (input === undefined) throw new InputError('classify needs a clip: a video, a GIF, a folder of images or a .npy.');
  return openClipReader(input, { ...flags, rule, following: specs.has('flow') && !stored }, session);
}

/** Windows of stored flow alone: there are no frames to look at. */
function flowWindows({ flow }: StoredFlow, spec: ModelSpec, request: WindowRequest): ClipSource {
  const { height, width } = flow;
  const chosen = windows(flow.frames, windowRule(spec), request);
  async function* all(): AsyncGenerator<ClipWindow, void, undefined> {
    for (const { start, frames } of chosen) {
      yield { start, frames, clip: await flow.readFloats(start, frames) };
    }
  }
  const seen = { dtype: 'f32', side: [height, width] } as const;
  return { width, height, fps: DEFAULT_FPS, expected: chosen.length, seen, windows: all, close: async () => {} };
}
