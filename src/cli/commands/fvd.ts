/** @file `i3d fvd`: how far generated videos are from real ones. */

import { type Command, Option } from 'commander';
import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import { checkWritable, writeFileAtomic } from '../../io/atomic.ts';
import { frechetDistance, rooted } from '../../recognition/fvd/frechet.ts';
import { Extractor, type ExtractorFlags } from '../features/extractor.ts';
import { networkFacts } from '../features/network_facts.ts';
import { bootstrap, overCounts } from '../fvd/resample.ts';
import { checkComparable, readSide, type Side } from '../fvd/sides.ts';
import { checkStatisticsName, writeStatistics } from '../fvd/statistics_file.ts';
import { chooseNetworks, type NetworkFlags } from '../networks.ts';
import { addDeviceOptions, frameRate, positiveNumber, wholeFrom } from '../options.ts';
import { lineChart } from '../report/line-chart.ts';
import { type Session, withSession } from '../session.ts';
import { print } from '../terminal/output.ts';

interface FvdFlags extends Omit<ExtractorFlags, 'preset'>, NetworkFlags {
  readonly save?: string;
  readonly bootstrap?: number;
  readonly chart?: string;
  readonly json?: boolean;
}

/** Fewer draws do not tell a deviation. */
const LEAST_DRAWS = 20;

export function addFvd(program: Command): Command {
  const command = program
    .command('fvd')
    .description('Say how far generated videos are from real ones: the Fréchet video distance.')
    .argument(
      '<real>',
      'videos (a folder, a list, a pattern), features (.npy, a folder of i3d features), or statistics',
    )
    .argument('[fake]', 'the same; left out to save the statistics of the first')
    .option('--model <path>', 'for videos: a model that i3d train wrote')
    .option('--rgb <weights>', 'for videos: weights of the RGB stream, such as the published rgb_imagenet.pt')
    .option('--stack <n>', 'frames of a video, its first ones (default: 16)', positiveNumber)
    .option('--fps <rate>', 'frames per second, or "native" (default)', frameRate)
    .option('--video-stream <n>', 'which stream of files with several videos', wholeFrom(0))
    .option('--keep-going', 'take damaged files as far as they can be decoded')
    .option('--save <file>', 'save mean and covariance of the first set (.npz or .safetensors)')
    .option(
      '--bootstrap <n>',
      `a 95 % interval from n draws of both sets, at least ${LEAST_DRAWS}`,
      wholeFrom(LEAST_DRAWS),
    )
    .option('--chart <file.svg>', 'draw the distance against the number of videos')
    .addOption(new Option('--json', 'print one JSON object'));
  addDeviceOptions(command);
  return command.action((real: string, fake: string | undefined, flags: FvdFlags) =>
    withSession(flags, (session) => fvd(real, fake, flags, session)),
  );
}

async function fvd(real: string, fake: string | undefined, flags: FvdFlags, session: Session): Promise<void> {
  const { save, chart } = flags;
  if (fake === undefined && save === undefined) {
    throw new InputError(
      'fvd compares two sets: give the generated videos, too, or --save to keep the statistics of one.',
    );
  }
  if (fake === undefined && (flags.bootstrap ?? chart) !== undefined) {
    throw new InputError('--bootstrap and --chart are of two sets: give the generated videos, too.');
  }
  if (save !== undefined) checkStatisticsName(save);
  for (const path of [save, chart]) if (path !== undefined) await checkWritable(path);
  let made: { readonly extractor: Extractor; readonly networks: unknown } | undefined;
  const extractor = async () => {
    const chosen = made ? undefined : await networks(flags, session);
    made ??= {
      extractor: new Extractor(chosen!, { ...flags, preset: 'fvd' }, session),
      networks: await networkFacts(chosen!),
    };
    return made;
  };
  const options = { keep: flags.bootstrap !== undefined || chart !== undefined, extractor };
  try {
    const first = await readSide(real, options, session);
    warnOfFew(first, real, session);
    if (save !== undefined) await writeStatistics(save, { statistics: first.statistics, made: first.made });
    if (fake === undefined) {
      const { count, mean } = first.statistics;
      const result = { videos: count, dimensions: mean.length, saved: save };
      const text = `${videosOf(first)}, ${counted(mean.length, 'value')} each, in ${save}`;
      return await print(`${flags.json ? JSON.stringify(result) : text}\n`);
    }
    const second = await readSide(fake, options, session);
    warnOfFew(second, fake, session);
    await compare([real, first], [fake, second], flags, session);
  } finally {
    made?.extractor.dispose();
  }
}

async function networks(flags: FvdFlags, session: Session) {
  const needs = { command: 'fvd of videos' };
  return chooseNetworks({ ...flags, stream: 'rgb' }, (text) => session.warn(text), needs);
}

const videosOf = ({ statistics: { count } }: Side): string =>
  count === undefined ? 'videos of an unknown number' : counted(count, 'video');

/** A covariance of fewer vectors than they have values has directions without any spread. */
function warnOfFew({ statistics: { count, mean } }: Side, source: string, session: Session): void {
  if (count === undefined || count > mean.length) return;
  session.warn(
    `${source} has ${counted(count, 'video')} for ${mean.length} values: with so few the distance is mostly that of the sets’ sizes; compare equal numbers, and more than ${mean.length}.`,
  );
}

async function compare(
  [real, first]: readonly [string, Side],
  [fake, second]: readonly [string, Side],
  flags: FvdFlags,
  session: Session,
): Promise<void> {
  checkComparable([real, first], [fake, second]);
  const { distance, means } = frechetDistance(rooted(first.statistics), second.statistics);
  const both = first.features && second.features ? ([first.features, second.features] as const) : undefined;
  if (!both && (flags.bootstrap ?? flags.chart) !== undefined) {
    throw new InputError('--bootstrap and --chart need the features of each video, and statistics do not have them.');
  }
  const progress = (what: string) => (done: number, total: number) => session.progress.count(what, done, total);
  const sure =
    both && flags.bootstrap !== undefined ? bootstrap(...both, distance, flags.bootstrap, progress('draw')) : undefined;
  const curve = both && flags.chart !== undefined ? overCounts(...both, progress('size')) : undefined;
  session.progress.clear();
  if (curve) {
    const note = `${real} and ${fake}, parts drawn without repeats`;
    const lines = [{ name: 'FVD', points: curve }];
    const svg = lineChart({ title: 'FVD by number of videos', note, across: 'videos of each set', lines });
    await writeFileAtomic(flags.chart!, svg);
  }
  const result = {
    fvd: distance,
    ...(sure && { ...sure, draws: flags.bootstrap }),
    means,
    dimensions: first.statistics.mean.length,
    real: { source: real, videos: first.statistics.count },
    fake: { source: fake, videos: second.statistics.count },
    ...(curve && { byVideos: curve }),
  };
  if (flags.json) return print(`${JSON.stringify(result)}\n`);
  const digits = (value: number) => value.toPrecision(6);
  const range = sure ? ` (95 %: ${sure.interval.map(digits).join(' to ')}; bias about ${digits(sure.bias)})` : '';
  await print(
    `FVD ${digits(distance)}${range}, ${videosOf(first)} and ${videosOf(second)} of ${result.dimensions} values\n`,
  );
}
