/** @file `i3d anomaly`: where in videos something abnormal happens, learned from videos of which only that is known. */

import type { Command } from 'commander';
import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import { checkWritable } from '../../io/atomic.ts';
import { type RocArea, rocArea } from '../../train/anomaly/roc.ts';
import { scoreAnomaly, trainAnomaly } from '../../train/anomaly/train.ts';
import { readAnomalyModel, writeAnomalyModel } from '../anomaly/anomaly_file.ts';
import { type FeatureBag, type FeatureSet, readFeatureSet } from '../anomaly/bags.ts';
import { checkClasses, classOf, foldsOf, readGroups } from '../anomaly/groups.ts';
import { addDeviceOptions, type DeviceFlags, positiveNumber, wholeFrom } from '../options.ts';
import { type ShownVideo, writeAnomalyReport } from '../report/anomaly-report.ts';
import { type Session, withSession } from '../session.ts';
import { both, print } from '../terminal/output.ts';
import { clock, table } from '../terminal/table.ts';

interface TrainFlags extends DeviceFlags {
  readonly abnormal: string;
  readonly groups?: string;
  readonly folds: number;
  readonly steps: number;
  readonly seed: number;
  readonly out: string;
  readonly json?: boolean;
}

interface ScoreFlags extends DeviceFlags {
  readonly model: string;
  readonly top: number;
  readonly report?: string;
  readonly json?: boolean;
}

const FEATURES = 'the folder that i3d features --preset ucf-crime-32 wrote';

export function addAnomaly(program: Command): Command {
  const group = program
    .command('anomaly')
    .description('Find where in videos something abnormal happens, learned from videos of which only that is known.');
  const train = group
    .command('train')
    .description('Learn from features of videos in a folder for each kind.')
    .argument('<features>', FEATURES)
    .requiredOption('--out <file>', 'the model that is written (.safetensors)')
    .requiredOption('--abnormal <folder>', 'the kind in which something abnormal happens; all others are normal')
    .option('--groups <list.csv>', 'which videos belong together (columns file and source), so that no test knows them')
    .option('--folds <n>', 'parts of the videos that are tested on, in turn; 1 for no test', positiveNumber, 5)
    .option('--steps <n>', 'steps of training', positiveNumber, 400)
    .option('--seed <n>', 'of everything random', wholeFrom(0), 1)
    .option('--json', 'print one JSON object')
    .option('--debug', 'show stack traces');
  const score = group
    .command('score')
    .description('Score every segment of videos.')
    .argument('<features>', FEATURES)
    .requiredOption('--model <file>', 'what i3d anomaly train wrote')
    .option('--top <k>', 'how many videos to show, highest first', positiveNumber, 20)
    .option('--report <file.html>', 'write a page with the scores over time beside frames')
    .option('--json', 'print one JSON object')
    .option('--debug', 'show stack traces');
  for (const command of [train, score]) addDeviceOptions(command);
  train.action((folder: string, flags: TrainFlags) => withSession(flags, (session) => learn(folder, flags, session)));
  score.action((folder: string, flags: ScoreFlags) => withSession(flags, (session) => rate(folder, flags, session)));
  return group;
}

interface LabelledBag extends FeatureBag {
  readonly abnormal: boolean;
}

async function learn(folder: string, flags: TrainFlags, session: Session): Promise<void> {
  const { abnormal, groups: list, folds, steps, seed, out, json } = flags;
  await checkWritable(out);
  const set = await readFeatureSet(folder);
  const names = set.bags.map(({ name }) => name);
  checkClasses(names, abnormal, folder);
  const bags = set.bags.map((bag): LabelledBag => ({ ...bag, abnormal: classOf(bag.name) === abnormal }));
  const groups = list === undefined ? undefined : await readGroups(list, names);
  const parts = folds > 1 ? foldsOf(bags, (name) => groups?.get(name) ?? name, folds) : undefined;
  const trained = (what: string, of: readonly LabelledBag[]) =>
    session.onDevice((gpu) =>
      trainAnomaly(gpu, set.spec, of, {
        seed,
        steps,
        onProgress: ({ step, loss }) =>
          session.progress.note(`${what}: step ${step} of ${steps}, loss ${loss.toFixed(3)}`),
      }),
    );
  const highest = new Map<LabelledBag, number>();
  for (let fold = 0; parts !== undefined && fold < folds; fold++) {
    const others = bags.filter((_, i) => parts[i] !== fold);
    const held = bags.filter((_, i) => parts[i] === fold);
    const parameters = await trained(`fold ${fold + 1} of ${folds}`, others);
    const scores = await session.onDevice((gpu) => scoreAnomaly(gpu, set.spec, parameters, held));
    for (const [i, bag] of held.entries()) highest.set(bag, Math.max(...scores[i]!));
  }
  const parameters = await trained('all videos', bags);
  session.progress.clear();
  await writeAnomalyModel(out, { spec: set.spec, parameters, choices: set.choices });
  const tested = parts && areaOf(bags, highest);
  const count = bags.filter((bag) => bag.abnormal).length;
  if (json) {
    const test = tested && { folds, auc: tested.area, standardError: tested.error, interval: interval(tested) };
    await print(
      `${JSON.stringify({ out, videos: bags.length, abnormal: count, steps, seed, ...(test && { test }) })}\n`,
    );
    return;
  }
  const kinds = `${counted(bags.length, 'video')}, ${count} of them ${abnormal}`;
  const result = tested
    ? `AUC ${tested.area.toFixed(3)} (95 % interval ${interval(tested)
        .map((end) => end.toFixed(3))
        .join(' … ')}) on videos that were not trained on, ${folds} folds\n`
    : '';
  await print(`${kinds}\n${result}${out} is trained on all of them\n`);
}

function areaOf(bags: readonly LabelledBag[], highest: ReadonlyMap<LabelledBag, number>): RocArea {
  const of = (abnormal: boolean) => bags.filter((bag) => bag.abnormal === abnormal).map((bag) => highest.get(bag)!);
  return rocArea(of(true), of(false));
}

/** 95 %, within 0 … 1. */
const interval = ({ area, error }: RocArea): readonly [number, number] => [
  Math.max(0, area - 1.96 * error),
  Math.min(1, area + 1.96 * error),
];

interface ScoredVideo {
  readonly bag: FeatureBag;
  readonly scores: Float32Array;
  readonly highest: number;
}

async function rate(folder: string, flags: ScoreFlags, session: Session): Promise<void> {
  const { model: path, top, report, json } = flags;
  if (report !== undefined) await checkWritable(report);
  const model = await readAnomalyModel(path);
  const set = await readFeatureSet(folder);
  checkComparable(set, model.choices, folder, path);
  const scores = await session.onDevice((gpu) => scoreAnomaly(gpu, model.spec, model.parameters, set.bags));
  const videos = set.bags
    .map((bag, i): ScoredVideo => ({ bag, scores: scores[i]!, highest: Math.max(...scores[i]!) }))
    .sort((a, b) => b.highest - a.highest);
  session.progress.clear();
  await both(
    () => tell(videos, top, json),
    async () => {
      if (report !== undefined) await writeAnomalyReport(report, videos.slice(0, top).map(shown), session);
    },
  );
}

/** @throws InputError where scores would mean nothing: features of other networks or windows than those that were trained on. */
function checkComparable({ choices }: FeatureSet, trained: string, folder: string, path: string): void {
  if (choices === trained) return;
  const [own, theirs] = [choices, trained].map((text) => JSON.parse(text) as Record<string, unknown>);
  const differing = Object.keys(own!).filter((key) => JSON.stringify(own![key]) !== JSON.stringify(theirs![key]));
  throw new InputError(
    `The features in ${folder} were made in another way than those that ${path} was trained on (${differing.join(', ')}); make them with the same weights and settings.`,
  );
}

/** Seconds at which each segment begins, and the frames that it is made of. */
const shown = ({ bag, scores, highest }: ScoredVideo): ShownVideo => ({
  ...bag,
  highest,
  segments: bag.spans.map((span, i) => ({ from: span[0] / bag.fps, to: (span[1] + 1) / bag.fps, score: scores[i]! })),
});

async function tell(videos: readonly ScoredVideo[], top: number, json: boolean | undefined): Promise<void> {
  if (json) {
    const all = videos.map((video) => {
      const { path, name, segments } = shown(video);
      return { file: path, name, highest: video.highest, segments };
    });
    await print(`${JSON.stringify({ videos: all })}\n`);
    return;
  }
  const rows = videos.slice(0, top).map(({ bag, scores, highest }) => {
    const at = scores.indexOf(highest);
    const [from, to] = bag.spans[at]!;
    return [highest.toFixed(3), clock(from / bag.fps), clock((to + 1) / bag.fps), bag.name];
  });
  const columns = [
    { title: 'score', align: 'right' },
    { title: 'from', align: 'right' },
    { title: 'to', align: 'right' },
    { title: 'video' },
  ] as const;
  const more = videos.length > top ? `\n${videos.length - top} more have lower scores; --top shows them` : '';
  await print(`${table(columns, rows)}${more}\n`);
}
