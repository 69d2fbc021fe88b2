/** @file `npm run -s bench -- COMMAND`: throughput of kernels, models and flow, of other engines, and a kernel laboratory. */

import { Command, CommanderError } from 'commander';
import { MODELS } from '../src/catalogue.ts';
import { withQuietLibraries } from '../src/cli/terminal/quiet.ts';
import { I3dError, InputError } from '../src/core/errors.ts';
import { ACCURACIES, type Accuracy } from '../src/core/kernel.ts';
import { type PresetName, presets } from '../src/flow/index.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { STREAM_CHANNELS, type Stream } from '../src/models/definition.ts';
import { openGpu } from '../src/node.ts';
import { DEFAULT_PRETEXT, PRETEXT_IDS } from '../src/train/pretext/index.ts';
import { benchFeatures, type FeaturesBenchOptions } from './features.ts';
import { benchFlow, type FlowBenchOptions } from './flow.ts';
import { benchFolds, type FoldsOptions } from './folds.ts';
import { digits, percent, table } from './format.ts';
import { benchFvd, type FvdBenchOptions } from './fvd.ts';
import { addGpuCommand } from './gpu.ts';
import { CHILD, compileHere } from './isa/compile.ts';
import { benchIsa } from './isa.ts';
import { benchKernels } from './kernels.ts';
import { benchLab } from './lab.ts';
import { benchModel } from './model.ts';
import { benchPeers, PEER_TASKS, type PeersOptions } from './peers.ts';
import { print, wholeNumber } from './report.ts';
import { benchSure, type SureOptions } from './sure.ts';
import { benchTables, type TablesOptions } from './tables.ts';
import { benchTrain, type TrainOptions } from './train.ts';
import { benchWatch, type WatchBenchOptions } from './watch.ts';

const PRESETS = Object.keys(presets) as PresetName[];
const STREAMS = Object.keys(STREAM_CHANNELS) as Stream[];

/** Parses `a,b` against the values that are known. */
function oneOf<T extends string>(option: string, known: readonly T[]): (text: string) => T[] {
  return (text) =>
    text.split(',').map((word) => {
      const value = known.find((candidate) => candidate === word.trim());
      if (value === undefined) throw new InputError(`${option} takes ${known.join(', ')}, not "${word.trim()}".`);
      return value;
    });
}

type FoldsFlags = Omit<FoldsOptions, 'data' | 'group' | 'from'> & { readonly group: string; readonly from: string };

const numbers =
  (option: string, least: number) =>
  (text: string): number[] =>
    text.split(',').map(wholeNumber(option, least));

/** Runs with a device that is disposed of afterwards. */
async function withGpu<T>(body: (gpu: Gpu) => Promise<T>): Promise<T> {
  const { experimental = false } = program.opts<{ experimental?: boolean }>();
  const gpu = await withQuietLibraries(() => openGpu({ experimental }));
  try {
    return await body(gpu);
  } finally {
    gpu.dispose();
  }
}

const program = new Command('bench')
  .description('Throughput of kernels, models and flow, beside the peak measured in the same run.')
  .option('--experimental', 'with experimental features of WebGPU: the matrix units of GPUs');

const command = (name: string, repeats: number): Command =>
  program
    .command(name)
    .option('--json <file>', 'also write the results as JSON')
    .option('--repeats <n>', 'timed runs; medians are over them', wholeNumber('--repeats'), repeats);

command('kernels', 5)
  .description('every convolution and pool of I3D by every candidate kernel, checked against float64 first')
  .option('--frames <n>', 'frames of the clip', wholeNumber('--frames'), 16)
  .option('--size <n>', 'pixels on each side', wholeNumber('--size'), 224)
  .option('--stream <name>', STREAMS.join(' or '), (text) => oneOf('--stream', STREAMS)(text)[0]!, 'rgb')
  .option('--gradients', 'the gradients of the convolutions instead, by weights and by input')
  .option('--shape <text>', 'only shapes whose names contain this, such as 3x3x3')
  .option('--kernel <name>', 'only candidates whose names start so')
  .option('--svg <file>', 'also draw a chart')
  .action(async (options: Parameters<typeof benchKernels>[1]) => {
    if (!(await withGpu((gpu) => benchKernels(gpu, options)))) process.exitCode = 1;
  });

const MODEL_TEXT = `${MODELS.ids.join(', ')}; several with commas`;

command('model', 3)
  .description('a whole forward pass with made-up weights')
  .option('--model <name>', MODEL_TEXT, oneOf('--model', MODELS.ids), ['i3d'])
  .option(
    '--frames <n>',
    "frames of the clip; several with commas; the model's own, 16 for i3d",
    numbers('--frames', 1),
  )
  .option('--size <n>', "pixels on each side; the model's own", wholeNumber('--size'))
  .option('--stream <name>', STREAMS.join(' or '), oneOf('--stream', STREAMS), ['rgb'])
  .option('--accuracy <name>', ACCURACIES.join(', '), oneOf('--accuracy', ACCURACIES), ['fast'])
  .option('--kernel <name>', 'force the candidates whose names start so')
  .option('--profile', 'print the time of every node')
  .option('--no-cold', 'leave out the start of a fresh process without shader cache')
  .action(
    async (
      options: Omit<Parameters<typeof benchModel>[1], 'models' | 'streams' | 'accuracies'> & {
        model: string[];
        stream: Stream[];
        accuracy: Accuracy[];
      },
    ) => {
      const { model: models, stream: streams, accuracy: accuracies } = options;
      await withGpu((gpu) => benchModel(gpu, { ...options, models, streams, accuracies }));
    },
  );

command('train', 3)
  .description('a training step: forward, backward, update; beside the forward pass and PyTorch')
  .option('--model <name>', 'i3d, small or both with a comma', oneOf('--model', ['i3d', 'small']), ['small', 'i3d'])
  .option('--frames <n>', 'frames of a clip', wholeNumber('--frames'), 16)
  .option('--recompute', 'compute activations twice instead of keeping them', false)
  .option('--profile', 'print the time of every operator')
  .option('--no-peers', 'leave PyTorch out')
  .action(async ({ model, frames, ...options }: Omit<TrainOptions, 'shapes'> & { model: string[]; frames: number }) => {
    const shapes = {
      i3d: { architecture: 'i3d', width: 1, frames, size: 224, batch: 1, classes: 400 },
      small: { architecture: 'inception-4', width: 0.25, frames, size: 56, batch: 16, classes: 16 },
    } as const;
    const wanted = model.map((name) => shapes[name as keyof typeof shapes]);
    await withGpu((gpu) => benchTrain(gpu, { ...options, shapes: wanted }));
  });

program
  .command('folds')
  .description('cross-validation on a folder class/clip.ext of real clips, for each model to start from')
  .argument('<data>', 'the folder')
  .option('--group <expression>', 'its first group, in a file name, says which clips stay together', '([^.]+)')
  .option('--folds <n>', 'how many', wholeNumber('--folds', 2), 3)
  .option('--from <list>', 'models to start from, with commas; "none" is random numbers', 'none,models')
  .option('--stream <list>', STREAMS.join(', '), oneOf('--stream', STREAMS), STREAMS)
  .option('--pretrain <clips>', 'each start also after learning from these clips without labels')
  .option('--model <json>', 'what of it differs from the small one, such as {"size":40}', (text) => JSON.parse(text))
  .option('--task <list>', 'of the pre-training', oneOf('--task', PRETEXT_IDS), [DEFAULT_PRETEXT])
  .option('--pretrain-steps <n>', 'of the pre-training', wholeNumber('--pretrain-steps'))
  .option('--pretrain-rate <rate>', 'its learning rate', Number)
  .option('--seed <list>', 'of every run; several with commas', numbers('--seed', 0), [1])
  .option('--only <list>', 'which of the folds, from 0', numbers('--only', 0))
  .option('--few', 'train on one fold and test on the others')
  .option('--tests <n>', 'with --few, test on so many of them, the next ones', wholeNumber('--tests'))
  .option('--epochs <n>', 'of the last stage', wholeNumber('--epochs'))
  .option('--cache <folder>', 'where decoded clips and flow are kept')
  .option('--json <file>', 'also write the results as JSON')
  .action(async (data: string, { group, from, ...options }: FoldsFlags) => {
    const all = { ...options, data, group: new RegExp(group), from: from.split(',') };
    await withGpu((gpu) => benchFolds(gpu, all));
  });

program
  .command('sure')
  .description('windows that i3d classify --sure computes, and how many clips are right then')
  .argument('<data>', 'clips with the classes of the model, as for training')
  .option('--model <path>', 'what i3d train wrote', 'models')
  .option('--split <name>', 'train, test or all', 'all')
  .option('--stream <list>', STREAMS.join(', '), oneOf('--stream', STREAMS), STREAMS)
  .option('--sure <list>', 'probabilities', (text) => text.split(',').map(Number), [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99])
  .option('--json <file>', 'also write the results as JSON')
  .action((data: string, options: Omit<SureOptions, 'data'>) => withGpu((gpu) => benchSure(gpu, { ...options, data })));

command('flow', 3)
  .description('TV-L1 flow between frames of 224×224')
  .option('--pairs <n>', 'pairs of frames in a batch; several with commas', numbers('--pairs', 1), [1, 16])
  .option('--preset <name>', PRESETS.join(', '), (text) => oneOf('--preset', PRESETS)(text)[0]!, 'opencv')
  .action(async (options: FlowBenchOptions) => {
    const rows = await withGpu((gpu) => benchFlow(gpu, options));
    print(rows[0]?.adapter ?? '');
    print(
      table(
        ['flow', 'ms per pair', 'dispatches', 'GB/s', 'of copy'],
        rows.map(({ preset, pairs, width, height, msPerPair, dispatches, gbps, copyGbps }) => [
          `${preset}, ${pairs} × ${width}×${height}`,
          digits(msPerPair),
          `${dispatches}`,
          digits(gbps),
          percent(gbps / copyGbps),
        ]),
      ),
    );
  });

program
  .command('features')
  .description('features of a long video beside a short one, the networks and the decoder alone, and memory')
  .option('--minutes <n>', 'of the long video', wholeNumber('--minutes'), 20)
  .option('--seconds <n>', 'of the short one', wholeNumber('--seconds'), 40)
  .option('--size <n>', 'pixels of the frames', wholeNumber('--size'), 64)
  .option(
    '--stream <name>',
    'rgb, flow or both',
    (text) => oneOf('--stream', [...STREAMS, 'both' as const])(text)[0]!,
    'rgb',
  )
  .option('--model <folder>', 'of models that i3d train wrote', 'models')
  .option('--json <file>', 'also write the results as JSON')
  .action((options: FeaturesBenchOptions) => benchFeatures(options));

program
  .command('watch')
  .description('latency, dropped windows and memory of i3d watch on a video that plays for minutes')
  .option('--minutes <n>', 'of the video', Number, 10)
  .option('--size <n>', 'pixels on each side', wholeNumber('--size'), 240)
  .option(
    '--stream <name>',
    `${STREAMS.join(' or ')}, or both`,
    (text) => oneOf('--stream', [...STREAMS, 'both'])(text)[0]!,
    'rgb',
  )
  .option('--every <seconds>', 'from one window to the next (default: a quarter of a window)', Number)
  .option('--model <folder>', 'of models that i3d train wrote', 'models')
  .option('--json <file>', 'also write the results as JSON')
  .action((options: WatchBenchOptions) => benchWatch(options));

program
  .command('fvd')
  .description('the Fréchet video distance of generated clips with noise, blur and dropped frames')
  .option('--clips <n>', 'of each action in a set', wholeNumber('--clips', 2), 4)
  .option('--svg <file>', 'also draw a chart')
  .option('--json <file>', 'also write the results as JSON')
  .action((options: FvdBenchOptions) => withGpu((gpu) => benchFvd(gpu, options)));

command('peers', 2)
  .description('the same work by onnxruntime, PyTorch, tfjs and OpenCV, where they can be had')
  .option('--task <name>', `${PEER_TASKS.join(', ')}; several with commas`, oneOf('--task', PEER_TASKS), [
    ...PEER_TASKS,
  ])
  .option('--model <name>', `for the task model: ${MODEL_TEXT}`, oneOf('--model', MODELS.ids), ['i3d'])
  .option('--frames <n>', "frames of the clip; the model's own, 16 for i3d", wholeNumber('--frames'))
  .option('--size <n>', "pixels on each side; the model's own", wholeNumber('--size'))
  .option('--accuracy <name>', `of ours: ${ACCURACIES.join(', ')}`, oneOf('--accuracy', ACCURACIES), ['fast'])
  .option('--engine <name>', 'only engines whose names contain this')
  .option('--svg <file>', 'also draw a chart')
  .action(async (options: PeersOptions & { task: PeersOptions['tasks']; model: string[]; accuracy: Accuracy[] }) => {
    const { task: tasks, model: models, accuracy: accuracies } = options;
    await withGpu((gpu) => benchPeers(gpu, { ...options, tasks, models, accuracies }));
  });

program
  .command('tables')
  .description('choices of kernels to ship for adapters like this one: src/graph/tables')
  .option('--frames <n>', 'frames of the clip; several with commas', numbers('--frames', 1), [16, 64])
  .option('--size <n>', 'pixels on each side', wholeNumber('--size'), 224)
  .option('--stream <name>', STREAMS.join(' or '), oneOf('--stream', STREAMS), STREAMS)
  .option('--accuracy <name>', ACCURACIES.join(', '), oneOf('--accuracy', ACCURACIES), ['exact', 'fast'])
  .option('--repeats <n>', 'timed runs of a kernel; the median counts', wholeNumber('--repeats'), 5)
  .option('--rounds <n>', 'a choice must win in each', wholeNumber('--rounds'), 3)
  .option('--out <file>', 'the module to write')
  .action(
    async (
      options: Omit<TablesOptions, 'streams' | 'accuracies'> & {
        readonly stream: Stream[];
        readonly accuracy: Accuracy[];
      },
    ) => {
      await withGpu((gpu) => benchTables(gpu, { ...options, streams: options.stream, accuracies: options.accuracy }));
    },
  );

command('lab', 5)
  .description('one convolution by one kernel, all its tiles, best first')
  .argument('<kernel>', 'a kernel of the family, such as subgroup, or a file of WGSL (see bench/lab_file.ts)')
  .option('--shape <list>', 't,h,w,cin,cout,kt,kh,kw,stride', '8,28,28,96,128,3,3,3,1')
  .action(async (kernel: string, options: Parameters<typeof benchLab>[2]) => {
    if (!(await withGpu((gpu) => benchLab(gpu, kernel, options)))) process.exitCode = 1;
  });

program
  .command('isa')
  .description("registers, occupancy and machine code of the kernels, from Mesa's driver for AMD GPUs")
  .option('--family <list>', "Mesa's names of GPUs that need not be there, such as navi21,navi31", '')
  .option('--kernel <name>', 'only kernels and candidates whose names contain this', '')
  .option('--json <file>', 'also write the results as JSON')
  .action(async ({ family, ...options }: { family: string; kernel: string; json?: string }) => {
    const families = family === '' ? [] : family.split(',');
    const { experimental = false } = program.opts<{ experimental?: boolean }>();
    await benchIsa({ ...options, families, experimental });
  });

program
  .command(CHILD, { hidden: true })
  .option('--kernel <name>', '', '')
  .requiredOption('--out <file>')
  .action(async ({ kernel, out }: { kernel: string; out: string }) => {
    await withGpu((gpu) => compileHere(gpu, kernel, out));
  });

addGpuCommand(program, oneOf);

try {
  await program.exitOverride().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else if (error instanceof I3dError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}
