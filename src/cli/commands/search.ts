/** @file `i3d search`: where in clips happens what a few words say. */

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { MODELS } from '../../catalogue.ts';
import { InputError } from '../../core/errors.ts';
import { counted, listed } from '../../core/words.ts';
import { checkWritable, makeFolder } from '../../io/atomic.ts';
import { decodeNpyText } from '../../io/npy-text.ts';
import { loadWeightsFile } from '../../io/weights.ts';
import type { ModelDefinition } from '../../models/definition.ts';
import { embedTexts, readTextTower, type TextWeights, Vocabulary } from '../../models/text_tower.ts';
import { readWeights, recogniseWeights } from '../../models/weights.ts';
import type { ClipRule } from '../../recognition/clip_rule.ts';
import { addDeviceOptions, positiveNumber, wholeFrom } from '../options.ts';
import { Sampler } from '../report/samples.ts';
import { type ShownHit, writeSearchReport } from '../report/search-report.ts';
import { ClipIndex, defaultIndexPath, type IndexFlags } from '../search/clip_index.ts';
import { type Hit, rank } from '../search/ranking.ts';
import { type Session, withSession } from '../session.ts';
import { listVideos } from '../sets/list.ts';
import { checksum } from '../sets/record.ts';
import { runSet, type SetResult, tellFailures } from '../sets/run_set.ts';
import { openClipReader } from '../streams/clip-reader.ts';
import { both, print } from '../terminal/output.ts';
import { clock, table } from '../terminal/table.ts';

interface SearchFlags extends IndexFlags {
  readonly model?: string;
  readonly words?: string;
  readonly index: string;
  readonly top: number;
  readonly report?: string;
  readonly json?: boolean;
}

export function addSearch(program: Command): Command {
  const command = program
    .command('search')
    .description('Find where in clips happens what a few words say, with a model that was trained beside texts.')
    .argument(
      '<clips and words...>',
      'videos, folders of them, patterns or lists (.csv, .txt); last, the words in quotes',
    )
    .option('--model <weights>', 'weights with a text tower: the published s3d_howto100m.pth')
    .option('--words <file>', 'the words that they know: the published s3d_dict.npy')
    .option('--index <folder>', 'where is kept what was seen in clips', defaultIndexPath())
    .option('--top <k>', 'how many windows to show', positiveNumber, 10)
    .option('--report <file.html>', 'write a page with the frames that were found')
    .option('--video-stream <n>', 'which stream of files with several videos', wholeFrom(0))
    .option('--keep-going', 'take damaged files as far as they can be decoded')
    .option('--json', 'print one JSON object');
  addDeviceOptions(command);
  return command.action((given: string[], flags: SearchFlags) =>
    withSession(flags, (session) => search(given, flags, session)),
  );
}

async function search(given: readonly string[], flags: SearchFlags, session: Session): Promise<void> {
  const { model: path, words, index: folder, report, top, accuracy, kernel } = flags;
  if (path === undefined || words === undefined) {
    const missing = [path ?? '--model s3d_howto100m.pth', words ?? '--words s3d_dict.npy'].filter((each) =>
      each.startsWith('--'),
    );
    throw new InputError(
      `search needs the published weights of S3D-G with its text tower and the words that it knows (antoine77340/S3D_HowTo100M), which do not come along: give ${listed(missing, 'and')}.`,
    );
  }
  const query = given.at(-1)!;
  if (given.length < 2)
    throw new InputError(`search needs clips, and behind them what to look for, in quotes; there is only ${query}.`);
  if (report !== undefined) await checkWritable(report);
  const listedWords = await readWords(words);
  session.progress.say('reading weights');
  const { tensors, warnings } = await loadWeightsFile(path);
  const { spec, match } = recogniseWeights(tensors, path, MODELS, { stream: 'rgb' });
  checkKnowsWords(spec.architecture, path);
  for (const text of [...warnings, ...match.warnings]) session.warn(text);
  const tower = readTextTower(tensors, path, spec.architecture);
  checkSpaces(spec.classes, tower, path);
  const { rows, unknown } = new Vocabulary(listedWords, tower, words).look(query);
  if (rows.length === 0) throw new InputError(`${words} has none of the words of "${query}"; say it in other words.`);
  if (unknown.length > 0)
    session.warn(
      `${words} does not have ${listed(unknown, 'and')}, which ${unknown.length === 1 ? 'is' : 'are'} skipped.`,
    );
  const videos = (
    await listVideos(given.slice(0, -1), { without: folder, anyNames: true, warn: (text) => session.warn(text) })
  ).map((video) => ({
    ...video,
    seconds: 0,
  }));
  await makeFolder(folder);
  const rule: ClipRule = { spec, framing: 'square' };
  const load = () => readWeights(tensors, path, [spec.architecture], { stream: 'rgb' });
  const index = new ClipIndex(folder, rule, await checksum(path), load, flags, session);
  let result: SetResult;
  try {
    result = await runSet(videos, index, session);
  } finally {
    index.dispose();
  }
  const failed = new Set(result.failed.map((each) => each.path));
  const clips = [];
  for (const video of videos) if (!failed.has(video.path)) clips.push(await index.read(video));
  const tuning = await session.tuning();
  const settings = {
    tuning,
    ...(accuracy === undefined ? {} : { accuracy }),
    ...(kernel === undefined ? {} : { kernel }),
  };
  const [text] = await session.onDevice((gpu) => embedTexts(gpu, tower, [rows], settings));
  const hits = rank(clips, text!, top);
  session.progress.clear();
  await both(
    () => tell(query, unknown, hits, result, flags),
    async () => {
      if (report !== undefined)
        await writeSearchReport(report, query, clips.length, await shown(hits, rule, flags, session));
    },
  );
  tellFailures(result, session);
}

/** @throws InputError for a model that knows no words. */
function checkKnowsWords({ name, text }: ModelDefinition, path: string): void {
  if (text) return;
  const known = [...MODELS].filter((model) => model.text).map((model) => model.name);
  throw new InputError(`${path} holds ${name}, which was not trained beside texts; search needs ${listed(known)}.`);
}

function checkSpaces(dimensions: number, tower: TextWeights, path: string): void {
  if (dimensions === tower.dimensions) return;
  throw new InputError(
    `${path}: clips lie in a space of ${dimensions} dimensions, and texts in one of ${tower.dimensions}.`,
  );
}

/** @throws InputError when there is no such file, or it holds no words. */
async function readWords(path: string): Promise<string[]> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = { ENOENT: 'does not exist', EISDIR: 'is a folder' };
    throw new InputError(
      `${path} ${reasons[cause.code ?? ''] ?? `cannot be read (${cause.message})`}; give the words that belong to the weights, such as s3d_dict.npy.`,
      { cause },
    );
  });
  return decodeNpyText(bytes, path);
}

async function tell(
  query: string,
  unknown: readonly string[],
  hits: readonly Hit[],
  result: SetResult,
  { json }: SearchFlags,
): Promise<void> {
  if (json) {
    const found = hits.map(({ path, ...hit }) => ({ file: path, ...hit }));
    await print(`${JSON.stringify({ query, unknown, found, ...result })}\n`);
    return;
  }
  const { done, skipped } = result;
  const lines = table(
    [
      { title: '', align: 'right' },
      { title: 'score', align: 'right' },
      { title: 'from', align: 'right' },
      { title: 'to', align: 'right' },
      { title: 'clip' },
    ],
    hits.map(({ rank: place, path, from, to, score }) => [
      String(place),
      score.toFixed(3),
      clock(from),
      clock(to),
      path,
    ]),
  );
  const seen = `${counted(done.length + skipped.length, 'clip')}, ${skipped.length} of them seen before`;
  await print(`"${query}" in ${seen}\n\n${lines}\n`);
}

/** The frames of what was found. */
async function shown(hits: readonly Hit[], rule: ClipRule, flags: SearchFlags, session: Session): Promise<ShownHit[]> {
  const all: ShownHit[] = [];
  for (const hit of hits) {
    session.progress.count('looking up frames', all.length, hits.length);
    const { path, start, frames } = hit;
    const reader = await openClipReader(path, { ...flags, rule, start, frames }, session);
    try {
      const sampler = new Sampler(rule.spec);
      for await (const window of reader.windows()) sampler.add(window, undefined, true);
      all.push({ ...hit, pictures: (await sampler.pictures()).pictures, fps: reader.fps });
    } finally {
      await reader.close();
    }
  }
  session.progress.clear();
  return all;
}
