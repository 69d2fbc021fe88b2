/** @file `i3d tune`: times every kernel that could compute a layer, on this device, and remembers the fastest. */

import { type Command, Option } from 'commander';
import { MODELS } from '../../catalogue.ts';
import type { TuningTable, TuningTimes } from '../../core/tuning.ts';
import { counted } from '../../core/words.ts';
import { type TuneProgress, tune } from '../../graph/tuner.ts';
import { defaultTuningPath, fileTuning, unfinishedTuning } from '../../io/tuning_file.ts';
import type { Stream } from '../../models/definition.ts';
import { modelGraph, OUTPUTS } from '../../models/graph.ts';
import { zeroParameters } from '../../models/parameters.ts';
import { publishedSpec } from '../../models/size.ts';
import { addDeviceOptions, type DeviceFlags, frameSide, positiveNumber, windowFrames } from '../options.ts';
import { type Session, withSession } from '../session.ts';
import { sentence } from '../terminal/errors.ts';
import { print } from '../terminal/output.ts';
import { type Column, table } from '../terminal/table.ts';

interface TuneFlags extends DeviceFlags {
  readonly model: string;
  readonly frames?: number;
  readonly size?: number;
  readonly stream: Stream | 'both';
  readonly budget: number;
  readonly json?: boolean;
}

export function addTune(program: Command): Command {
  const command = program
    .command('tune')
    .description('Time the kernels that could compute each layer on this device and remember the fastest.')
    .addOption(new Option('--model <id>', 'the layers of which model').choices([...MODELS.ids]).default(MODELS.ids[0]))
    .option('--frames <n>', 'frames of a window (default: what the model takes)', windowFrames)
    .option('--size <pixels>', 'height and width of its frames (default: what the model takes)', frameSide)
    .addOption(
      new Option('--stream <name>', 'they differ in the first layer').choices(['rgb', 'flow', 'both']).default('rgb'),
    )
    .option(
      '--budget <seconds>',
      'stop after this time; what is left keeps its default, and the next run goes on from there',
      positiveNumber,
      600,
    )
    .option('--json', 'print one JSON object');
  addDeviceOptions(command);
  return command.action((flags: TuneFlags) => withSession(flags, (session) => run(flags, session)));
}

interface Outcome {
  readonly adapter: string;
  readonly records: TuningTable;
  /** Candidates that were timed, also of problems that were not finished. */
  readonly timed: number;
  /** Problems that were not finished. */
  readonly left: number;
}

async function run(flags: TuneFlags, session: Session): Promise<void> {
  const results = new Results(session);
  await results.open();
  const adapter = (await session.gpu()).profile.description;
  const deadline = performance.now() + flags.budget * 1000;
  let left = 0;
  const streams: Stream[] = flags.stream === 'both' ? ['rgb', 'flow'] : [flags.stream];
  for (const stream of streams) left += await tuneStream(stream, flags, deadline, results, session);
  session.progress.clear();
  const { records, timed } = results;
  const outcome: Outcome = { adapter, records, timed, left };
  await print(`${flags.json ? JSON.stringify({ ...outcome, file: defaultTuningPath() }) : report(outcome)}\n`);
  if (results.failed || (timed === 0 && left > 0)) process.exitCode = 1;
}

/** @returns How many problems were not finished. */
async function tuneStream(
  stream: Stream,
  flags: TuneFlags,
  deadline: number,
  results: Results,
  session: Session,
): Promise<number> {
  const { accuracy } = flags;
  const spec = publishedSpec(MODELS.get(flags.model), stream);
  const { frames = spec.frames, size = spec.size } = flags;
  const graph = modelGraph(spec, { frames, height: size, width: size });
  const parameters = zeroParameters(spec);
  let last: TuneProgress | undefined;
  /** What a device was lost over. */
  const fatal = new Set<string>();
  await session.onDevice(async (gpu) => {
    if (last?.candidate) {
      fatal.add(`${last.problem} ${last.candidate}`);
      session.warn(`${last.candidate} for ${layer(last)} was being timed, and is left out.`);
    }
    await tune(graph, gpu, parameters, {
      outputs: [OUTPUTS.logits],
      tuning: results.known,
      times: results.times,
      budget: Math.max(0, deadline - performance.now()),
      onProgress: (progress) => {
        last = progress;
        const { done, total, candidate } = progress;
        session.progress.count(`tuning ${bar(done, total)} ${layer(progress)}, ${candidate}:`, done, total);
      },
      onTime: (problem, candidate, ms) => results.addTime(problem, candidate, ms),
      onRecord: (record) => results.addRecord(record),
      skip: (problem, candidate) => fatal.has(`${problem} ${candidate}`),
      ...(accuracy === undefined ? {} : { accuracy }),
    });
  });
  return last ? last.total - last.done : 0;
}

const layer = ({ node }: TuneProgress): string => node.split(' + ')[0]!;

/** What is known, stored as it comes. Where it cannot be stored any more, that is said once, and measuring goes on. */
class Results {
  readonly records: Record<string, TuningTable[string]> = {};
  known: TuningTable = {};
  times: TuningTimes = {};
  timed = 0;
  failed = false;
  private readonly store = fileTuning();
  private readonly unfinished = unfinishedTuning();

  constructor(private readonly session: Session) {}

  /** @throws InputError when nothing could be stored. */
  async open(): Promise<void> {
    await this.unfinished.check();
    this.known = await this.store.load();
    this.times = await this.unfinished.load();
  }

  async addTime(problem: string, candidate: string, ms: number): Promise<void> {
    this.timed++;
    this.times = { ...this.times, [problem]: { ...this.times[problem], [candidate]: ms } };
    await this.keep(() => this.unfinished.add(problem, candidate, ms));
  }

  async addRecord(record: TuningTable): Promise<void> {
    Object.assign(this.records, record);
    this.known = { ...this.known, ...record };
    await this.keep(async () => {
      await this.store.add(record);
      for (const problem of Object.keys(record)) await this.unfinished.finish(problem);
    });
  }

  private async keep(store: () => Promise<void>): Promise<void> {
    if (this.failed) return;
    try {
      await store();
    } catch (error) {
      this.failed = true;
      this.session.warn(`${sentence(error)} What is measured from here on is only printed.`);
    }
  }
}

function report({ adapter, records, timed, left }: Outcome): string {
  const entries = Object.entries(records);
  const file = defaultTuningPath();
  const again = `The time was up with ${counted(left, 'problem')} left; run it again, or with a larger --budget`;
  if (entries.length === 0) {
    if (left === 0) return `Nothing new to measure on ${adapter}; results are in ${file}.`;
    if (timed === 0) return `Nothing was measured on ${adapter}. ${again}.`;
    return `No problem was finished on ${adapter}. ${again}: it goes on behind the ${counted(timed, 'kernel')} that were timed now.`;
  }
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
  const rest = left > 0 ? ` ${again}: it goes on from here.` : '';
  return `${table(columns, rows)}\n\n${counted(entries.length, 'problem')} measured on ${adapter}; kept in ${file}.${rest}`;
}

function bar(done: number, total: number): string {
  const width = 20;
  const filled = Math.round((width * done) / Math.max(total, 1));
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
