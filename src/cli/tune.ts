/** @file `i3d tune`: times every kernel that could compute a layer, on this device, and remembers the fastest. */

import type { Command } from 'commander';
import type { TuningTable } from '../core/tuning.ts';
import { counted } from '../core/words.ts';
import { tune } from '../graph/tuner.ts';
import { STREAM_CHANNELS, type Stream } from '../i3d/architecture.ts';
import { zeroParameters } from '../i3d/checkpoint.ts';
import { I3D_OUTPUTS, i3dGraph } from '../i3d/model.ts';
import { defaultTuningPath, fileTuning } from '../io/tuning_file.ts';
import { addDeviceOptions, type DeviceFlags, positiveNumber, wholeNumber } from './options.ts';
import { print } from './output.ts';
import { type Session, withSession } from './session.ts';
import { type Column, table } from './table.ts';

interface TuneFlags extends DeviceFlags {
  readonly frames: number;
  readonly size: number;
  readonly stream: Stream | 'both';
  readonly budget: number;
  readonly json?: boolean;
}

/** The head's layer depends on it, and it is too small to matter. */
const CLASSES = 400;

export function addTune(program: Command): Command {
  const command = program
    .command('tune')
    .description('Time the kernels that could compute each layer on this device and remember the fastest.')
    .option('--frames <n>', 'frames of a window', wholeNumber, 64)
    .option('--size <pixels>', 'height and width of its frames', positiveNumber, 224)
    .option('--stream <name>', 'rgb, flow or both; they differ in the first layer', 'rgb')
    .option('--budget <seconds>', 'stop after this time; what is left keeps its default', positiveNumber, 600)
    .option('--json', 'print one JSON object');
  addDeviceOptions(command);
  return command.action(async (flags: TuneFlags) => {
    await print(`${await withSession(flags, (session) => run(flags, session))}\n`);
  });
}

async function run(flags: TuneFlags, session: Session): Promise<string> {
  const store = fileTuning();
  const gpu = await session.gpu();
  const known = await store.load();
  const deadline = performance.now() + flags.budget * 1000;
  const records: Record<string, TuningTable[string]> = {};
  let left = 0;
  const streams: Stream[] = flags.stream === 'both' ? ['rgb', 'flow'] : [flags.stream];
  for (const stream of streams) {
    const { frames, size } = flags;
    const channels = STREAM_CHANNELS[stream];
    const graph = i3dGraph({ frames, height: size, width: size, channels, classes: CLASSES });
    let open = 0;
    const found = await tune(graph, gpu, zeroParameters(channels, CLASSES), {
      outputs: [I3D_OUTPUTS.logits],
      tuning: { ...known, ...records },
      budget: Math.max(0, deadline - performance.now()),
      onProgress: ({ done, total, node, candidate }) => {
        open = total - done;
        session.progress.count(`tuning ${bar(done, total)} ${node.split(' + ')[0]}, ${candidate}:`, done, total);
      },
      onRecord: (record) => store.add(record),
      ...(flags.accuracy === undefined ? {} : { accuracy: flags.accuracy }),
    });
    left += open;
    Object.assign(records, found);
  }
  session.progress.clear();
  if (flags.json) return JSON.stringify({ adapter: gpu.profile.description, file: defaultTuningPath(), records });
  return report(records, left, gpu.profile.description);
}

function report(records: TuningTable, left: number, adapter: string): string {
  const entries = Object.entries(records);
  const rest =
    left > 0 ? ` The time was up with ${counted(left, 'problem')} left; run it again, or with a larger --budget.` : '';
  if (entries.length === 0 && left > 0) return `Nothing was measured on ${adapter}.${rest}`;
  if (entries.length === 0) return `Nothing new to measure on ${adapter}; results are in ${defaultTuningPath()}.`;
  const columns: Column[] = [
    { title: 'problem' },
    { title: 'fastest' },
    { title: 'ms', align: 'right' },
    { title: 'untuned', align: 'right' },
  ];
  const rows = entries.map(([key, { candidate, ms, guessMs = ms }]) => {
    const [, problem = ''] = key.split(' | ');
    return [problem.replace(/\{.*\} /, ''), candidate, ms.toFixed(2), guessMs.toFixed(2)];
  });
  return `${table(columns, rows)}\n\n${counted(entries.length, 'problem')} measured on ${adapter}; kept in ${defaultTuningPath()}.${rest}`;
}

function bar(done: number, total: number): string {
  const width = 20;
  const filled = Math.round((width * done) / Math.max(total, 1));
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
