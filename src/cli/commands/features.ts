/** @file `i3d features`: what the networks see in videos, as published extractors save it. */

import { type Command, Option } from 'commander';
import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import { checkWritable, makeFolder } from '../../io/atomic.ts';
import { encodeNpy } from '../../io/npy.ts';
import { encodeNpz } from '../../io/npz.ts';
import { arraysOf, type NamedArrays } from '../../recognition/features/layouts.ts';
import { PRESET_NAMES, type PresetName } from '../../recognition/features/presets.ts';
import { type ExtractedVideo, Extractor, type ExtractorFlags } from '../features/extractor.ts';
import { networkFacts } from '../features/network_facts.ts';
import { packageVersions } from '../machine.ts';
import { type ChosenNetworks, chooseNetworks, type NetworkFlags } from '../networks.ts';
import { addDeviceOptions, flowPresetOption, frameRate, positiveNumber, streamOption, wholeFrom } from '../options.ts';
import { type Session, withSession } from '../session.ts';
import { type ListedVideo, listVideos } from '../sets/list.ts';
import {
  checkOthers,
  checkOwn,
  fingerprint,
  isDone,
  keyOf,
  type Output,
  placeOf,
  writeResults,
} from '../sets/record.ts';
import { runSet, type SetResult, type SetWork, tellFailures } from '../sets/run_set.ts';
import { measureVideos, type Shard, shardOf, shareOut } from '../sets/shard.ts';
import { recordEnding } from '../sets/stored.ts';
import { print } from '../terminal/output.ts';

interface FeatureFlags extends ExtractorFlags, NetworkFlags {
  readonly out: string;
  readonly shard?: Shard;
  readonly json?: boolean;
}

export function addFeatures(program: Command): Command {
  const command = program
    .command('features')
    .description('Save what the networks see in videos, by the conventions of a published extractor.')
    .argument('<input...>', 'videos, folders of them, patterns such as "clips/*.mp4", or lists (.csv, .txt)')
    .requiredOption('--out <folder>', 'where features go, with a record beside each of how they were made')
    .addOption(
      new Option('--preset <name>', 'whose conventions: frames, windows, resizing, names, shapes and types')
        .choices(PRESET_NAMES)
        .makeOptionMandatory(),
    )
    .option('--model <path>', 'what i3d train wrote: a folder with a model for each stream, or the file of one')
    .option('--rgb <weights>', 'weights of the RGB stream (.pt, .safetensors or a TensorFlow checkpoint)')
    .option('--flow <weights>', 'weights of the flow stream')
    .addOption(streamOption())
    .option('--stack <n>', 'frames of a window, in place of the preset’s', positiveNumber)
    .option('--step <n>', 'frames from one window to the next (default: the frames of a window)', positiveNumber)
    .option('--fps <rate>', 'frames per second, or "native", in place of the preset’s', frameRate)
    .option(
      '--end-point <name>',
      'of deepmind: an end point of the network, such as Mixed_5c, in place of its features',
    )
    .addOption(
      new Option('--crops <n>', 'of finspire and ucf-crime-32: the middle, or ten')
        .choices(['1', '10'])
        .argParser(Number),
    )
    .addOption(flowPresetOption())
    .option('--video-stream <n>', 'which stream of files with several videos', wholeFrom(0))
    .option('--keep-going', 'take damaged files as far as they can be decoded')
    .option('--shard <i/n>', 'the i-th of n parts of the set, which n processes work on', shardOf)
    .option('--json', 'print one JSON object');
  addDeviceOptions(command);
  return command.action((inputs: string[], flags: FeatureFlags) =>
    withSession(flags, (session) => features(inputs, flags, session)),
  );
}

async function features(inputs: readonly string[], flags: FeatureFlags, session: Session): Promise<void> {
  const { out, shard, preset } = flags;
  if (flags.crops !== undefined && flags.crops !== 1 && flags.crops !== 10) throw new InputError('--crops is 1 or 10.');
  const warn = (text: string) => session.warn(text);
  const chosen = await chooseNetworks(flags, warn, { command: 'features', headless: true });
  const extractor = new Extractor(chosen, flags, session);
  const listed = await listVideos(inputs, { without: out, warn });
  await makeFolder(out);
  await checkWritable(`${out}/.write-test`);
  const needsLengths = shard !== undefined || (listed.length > 1 && process.stderr.isTTY);
  const measured = needsLengths
    ? await measureVideos(listed, (done, total) => session.progress.count('looking at video', done, total))
    : listed.map((video) => ({ ...video, seconds: 0 }));
  const videos = shard ? shareOut(measured, shard) : measured;
  const choices = { ...extractor.facts, networks: await networkFacts(chosen) };
  try {
    const factsOf = async ({ path, name }: ListedVideo) => ({
      input: { name, fingerprint: await fingerprint(path) },
      ...choices,
    });
    const recordOf = ({ name }: ListedVideo, by: PresetName = preset) => `${name}${recordEnding(by)}`;
    const others = (video: ListedVideo) => PRESET_NAMES.filter((by) => by !== preset).map((by) => recordOf(video, by));
    const todo: SetWork = {
      isDone: async (video) => isDone(out, recordOf(video), keyOf(await factsOf(video))),
      async compute(video, share) {
        const { path, name } = video;
        const facts = await factsOf(video);
        await checkOwn(out, recordOf(video), path, facts.input.fingerprint);
        const made = await extractor.extract(path, share);
        const all = {
          key: keyOf(facts),
          ...facts,
          input: { path: placeOf(path), ...facts.input, ...sizes(made) },
          ...(await environment(session)),
          rows: 'first and last frame of what each row was made of, from 0 on, at the rate in input.fps',
        };
        const outputs = arraysOf(extractor.extraction.layout, name, made).map(encoded);
        return async () => {
          await checkOthers(out, outputs, others(video));
          await writeResults(out, outputs, recordOf(video), all);
        };
      },
    };
    const result = await runSet(videos, todo, session);
    await tell(result, chosen, flags, session);
  } finally {
    extractor.dispose();
  }
}

const sizes = ({ width, height, fps, sourceFps, frames }: ExtractedVideo) => ({
  width,
  height,
  fps,
  sourceFps,
  frames,
});

async function environment(session: Session) {
  return { version: packageVersions().own, adapter: (await session.gpu()).profile.description };
}

function encoded({ file, arrays, spans }: NamedArrays): Output {
  const single = arrays[''];
  if (single !== undefined && typeof single !== 'string') {
    const { dtype, shape } = single;
    return { file, bytes: encodeNpy(single), facts: { dtype, shape, ...(spans && { rows: spans }) } };
  }
  const facts = Object.fromEntries(
    Object.entries(arrays).map(([name, array]) =>
      typeof array === 'string' ? [name, array] : [name, { dtype: array.dtype, shape: array.shape }],
    ),
  );
  return { file, bytes: encodeNpz(arrays), facts: { arrays: facts, ...(spans && { rows: spans }) } };
}

async function tell(
  result: SetResult,
  { specs }: ChosenNetworks,
  flags: FeatureFlags,
  session: Session,
): Promise<void> {
  const { done, skipped, failed } = result;
  if (flags.json) {
    const { out, preset } = flags;
    await print(`${JSON.stringify({ out, preset, streams: [...specs.keys()], ...result, seconds: session.spent })}\n`);
  } else {
    const parts = [
      `${counted(done.length, 'video')} done`,
      ...(skipped.length > 0 ? [`${skipped.length} were there already`] : []),
      ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ];
    await print(`${parts.join(', ')} (${flags.preset}, ${[...specs.keys()].join(' and ')}) in ${flags.out}\n`);
  }
  tellFailures(result, session);
}
