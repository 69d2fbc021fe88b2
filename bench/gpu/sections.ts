/**
 * @file What a session found, as headings, sentences and tables: plain data, which the command line writes as Markdown and a page
 * shows as HTML.
 */

import { digits, percent, rateIn, rateText, rateUnit } from '../format.ts';
import { networkName } from '../i3d.ts';
import { type ClearChoice, choiceRow } from '../runs/choices.ts';
import { stepTitle } from '../runs/train.ts';
import { groupsOf } from './groups.ts';
import {
  type Facts,
  failuresOf,
  type ModelResult,
  outcomesOf,
  type PeerResult,
  type Results,
  resultsOf,
  type Session,
  STAGES,
} from './outcome.ts';

/** Failures that are printed; the others are counted. */
const MOST_FAILURES = 40;

export interface Table {
  /** The first column is text, the others are numbers. */
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** In the order of its members; what stands between backticks is code. */
export interface Section {
  readonly title: string;
  readonly text?: string;
  readonly table?: Table;
  readonly list?: readonly string[];
  readonly note?: string;
  /** Name of the session's chart that shows the same. */
  readonly chart?: string;
}

export interface Overview {
  /** Name of the device. */
  readonly title: string;
  /** Adapter, date and time that there was. */
  readonly origin: string;
  /** Why it ended before its time. */
  readonly ended: string | undefined;
  /** What WebGPU says of the device, a line each. */
  readonly facts: readonly string[];
  readonly sections: readonly Section[];
}

export function overview(session: Session, choices: readonly ClearChoice[]): Overview {
  const { outcomes } = session;
  const [facts] = resultsOf(outcomes, 'facts');
  const [peaks] = resultsOf(outcomes, 'peaks');
  const models = resultsOf(outcomes, 'models');
  const sections = [
    peaks && peakSection(peaks),
    models.length > 0 && modelSection(session, peaks),
    models.length > 0 && peaks && layerSection(models, peaks),
    workSection(session),
    peerSection(session),
    correctnessSection(session),
    choiceSection(choices, session),
    stageSection(session),
  ];
  return {
    title: facts ? nameOf(facts) : session.adapter,
    origin: `${session.adapter}, ${session.date}, ${timeOf(session.minutes)}.`,
    ended: session.ended,
    facts: facts ? factLines(facts) : [],
    sections: sections.filter((section) => typeof section === 'object'),
  };
}

const timeOf = (minutes: number): string =>
  minutes < 1 ? `${digits(60 * minutes)} seconds` : `${digits(minutes)} minutes`;

/** Adapters call themselves by their driver, the device by its name. */
export const nameOf = ({ info }: Facts): string =>
  info.device.replace(/^-+|-+$/g, '') || `${info.vendor} ${info.architecture}`.trim() || 'unnamed device';

function factLines({ info, profile, features }: Facts): string[] {
  const { subgroups, subgroupMinSize, subgroupMaxSize, subgroupMatrix, maxWorkgroupStorage } = profile;
  const sizes = subgroups ? `${subgroupMinSize} to ${subgroupMaxSize} lanes` : 'none';
  const shapes = (subgroupMatrix?.configs ?? []).map(
    ({ componentType, resultComponentType, M, N, K }) => `${componentType}→${resultComponentType} ${M}×${N}×${K}`,
  );
  return [
    `${info.vendor} ${info.architecture}, ${info.description}${profile.software ? ', runs on the processor' : ''}`,
    `subgroups: ${sizes}; f16: ${profile.shaderF16 ? 'yes' : 'no'}; time stamps: ${profile.timestamps ? 'yes' : 'no'}`,
    `matrix units: ${shapes.length > 0 ? `${shapes.join(', ')} (dialect ${subgroupMatrix!.dialect})` : 'none'}`,
    `workgroups: ${profile.maxInvocationsPerWorkgroup} threads, ${maxWorkgroupStorage / 1024} KiB; a binding: ${Math.round(profile.maxStorageBinding / 2 ** 20)} MiB`,
    `features: ${features.join(', ')}`,
  ];
}

function peakSection({ gflops, gflopsBy, gbs, gbsBy, halfGflops, matrices }: Results['peaks']): Section {
  const rows = [
    ['f32 multiply-adds', rateText(gflops), gflopsBy],
    ...(halfGflops === undefined ? [] : [['f16 multiply-adds', rateText(halfGflops), '']]),
    ...matrices.map(({ component, M, N, K, gflops: rate, problem }) => [
      `matrices ${component}→f32 ${M}×${N}×${K}`,
      problem === undefined ? rateText(rate) : '✗',
      problem ?? '',
    ]),
    ['copy, read and written', `${digits(gbs)} GB/s`, gbsBy],
  ];
  return { title: 'Peaks', table: { header: ['', 'measured', 'by'], rows } };
}

function modelSection({ network, outcomes }: Session, peaks: Results['peaks'] | undefined): Section {
  const peers = resultsOf(outcomes, 'peers');
  const models = resultsOf(outcomes, 'models');
  const fastest = Math.max(...models.map(({ record }) => record.gflops));
  const rows = models.map(({ record }) => {
    const { frames, size, accuracy, ms, gflops, convolutionGflops, dispatches, compileMs, firstMs } = record;
    const beside = peers.filter((peer) => peer.frames === frames && peer.accuracy === accuracy).map(besidePeer);
    return [
      `${frames}×${size}×${size} ${accuracy}`,
      digits(ms),
      rateIn(fastest, gflops),
      peaks ? percent(gflops / peaks.gflops) : '',
      peaks ? percent(convolutionGflops / peaks.gflops) : '',
      `${dispatches}`,
      digits(compileMs + firstMs),
      ...(peers.length > 0 ? [beside.join('; ')] : []),
    ];
  });
  const header = [
    'clip',
    'ms',
    rateUnit(fastest),
    'of f32 peak',
    'convolutions',
    'dispatches',
    'first ms',
    ...(peers.length > 0 ? ['others (their time over ours)'] : []),
  ];
  const note =
    'FLOPs as the direct algorithm counts, against multiply-adds of f32: Winograd and matrix units may pass 100 %. Upload and reading back are in the time.';
  return { title: networkName(network), table: { header, rows }, note, chart: 'models' };
}

const besidePeer = ({ engine, ms, ratio }: PeerResult): string => `${engine} ${digits(ms)} ms (${digits(ratio)}×)`;

/** One table for the longest clip that was timed. */
function layerSection(models: readonly ModelResult[], peaks: Results['peaks']): Section {
  const frames = Math.max(...models.map(({ record }) => record.frames));
  const shown = models.filter(({ record }) => record.frames === frames);
  const groups = shown.map(({ layers }) => groupsOf(layers));
  const names = [...new Set(groups.flatMap((list) => list.map(({ name }) => name)))];
  const rows = names.map((name) => [
    name,
    ...groups.flatMap((list) => {
      const group = list.find((one) => one.name === name);
      if (!group) return ['', ''];
      const { ms, flops, bytes, pools } = group;
      const share = pools
        ? `${percent(bytes / ms / 1e6 / peaks.gbs)} of copy`
        : percent(flops / ms / 1e6 / peaks.gflops);
      return [`${digits(ms)} (${percent(group.share)})`, share];
    }),
  ]);
  const header = ['', ...shown.flatMap(({ record }) => [`${record.accuracy}: ms`, 'of peak'])];
  return { title: `Layers at ${frames} frames`, table: { header, rows }, chart: 'layers' };
}

function workSection({ outcomes }: Session): Section | undefined {
  const rows = [
    ...resultsOf(outcomes, 'flow').map(({ preset, pairs, width, height, msPerPair, gbps, copyGbps }) => [
      `TV-L1 ${preset}, ${pairs} × ${width}×${height}`,
      `${digits(msPerPair)} a pair`,
      Number.isFinite(copyGbps) ? `${percent(gbps / copyGbps)} of copy` : '',
    ]),
    ...resultsOf(outcomes, 'training').map((record) => {
      const title = stepTitle(record);
      const peer = resultsOf(outcomes, 'peers').find(({ task }) => task === title);
      const beside = peer ? `; ${besidePeer(peer)}` : '';
      const rate = `${rateText(record.gflops)}, ${digits(record.ratio)} forward passes`;
      return [title, digits(record.stepMs), `${rate}${beside}`];
    }),
  ];
  return rows.length > 0 ? { title: 'Flow and training', table: { header: ['', 'ms', ''], rows } } : undefined;
}

function peerSection({ outcomes }: Session): Section | undefined {
  const rows = resultsOf(outcomes, 'peers').map(({ task, engine, version, accuracy, ms, oursMs, ratio, error }) => [
    accuracy ? `${task}, ours ${accuracy}` : task,
    version.includes(engine.split(' ')[0]!) ? version : `${engine} ${version}`,
    digits(ms),
    digits(oursMs),
    `${digits(ratio)}×`,
    error.toExponential(1),
  ]);
  const header = ['the same work', 'by', 'its ms', 'ours', 'its time over ours', 'difference'];
  const note = 'Results are compared before any time counts, and both run in turns.';
  return rows.length > 0 ? { title: 'Other engines', table: { header, rows }, note, chart: 'peers' } : undefined;
}

function correctnessSection({ outcomes }: Session): Section | undefined {
  const checked = [...outcomesOf(outcomes, 'defaults'), ...outcomesOf(outcomes, 'candidates')].filter(
    ({ value }) => value?.round === 1,
  );
  const failures = failuresOf(outcomes);
  if (checked.length === 0 && failures.length === 0) return undefined;
  const worst = checked.reduce((max, { value, problem }) => (problem ? max : Math.max(max, value!.error)), 0);
  const shown = failures.slice(0, MOST_FAILURES).map(({ stage, title, problem, value }) => {
    const error =
      value && 'error' in value && Number.isFinite(value.error) ? ` (error ${value.error.toExponential(1)})` : '';
    return `${stage}: ${title}: ${problem}${error}`;
  });
  const rest = failures.length - shown.length;
  return {
    title: 'Correctness',
    text: `${checked.length} candidates were compared with sums in float64; ${failures.length === 1 ? '1 thing' : `${failures.length} things`} failed. The largest error of those that passed is ${worst.toExponential(1)} of the largest magnitude.`,
    ...(failures.length > 0 && { list: [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])] }),
  };
}

function choiceSection(choices: readonly ClearChoice[], { outcomes }: Session): Section | undefined {
  const named = { title: 'Choices', chart: 'kernels' };
  const timed = [...resultsOf(outcomes, 'candidates'), ...resultsOf(outcomes, 'timings')].some(({ ms }) => ms);
  if (!timed) return undefined;
  if (choices.length === 0)
    return { ...named, text: 'No kernel was clearly faster than the best guess in every round.' };
  const rows = [...choices]
    .sort((a, b) => b.gain - a.gain)
    .slice(0, 15)
    .map(choiceRow);
  const header = ['problem', 'class', 'choice', 'ms', 'best guess', 'faster by'];
  const how =
    'To ship them, put the table beside this page into `src/graph/tables/` and its name into the list of `src/graph/tables/index.ts`.';
  return { ...named, table: { header, rows }, note: `${choices.length} in all. ${how}` };
}

function stageSection({ wanted, stages, outcomes }: Session): Section {
  const rows = STAGES.filter((name) => wanted.includes(name)).map((name) => {
    const ends = stages.filter(({ stage }) => stage === name);
    const seconds = ends.reduce((sum, end) => sum + end.seconds, 0);
    const last = ends.at(-1);
    const state = last ? `${last.how}${last.because ? `: ${last.because}` : ''}` : 'not finished';
    return [name, state, `${outcomesOf(outcomes, name).length}`, digits(seconds)];
  });
  return { title: 'What was done', table: { header: ['stage', 'how it ended', 'things', 's'], rows } };
}
