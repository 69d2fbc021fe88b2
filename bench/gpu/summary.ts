/** @file A session on one page, in Markdown. */

import { digits, percent } from '../format.ts';
import type { ClearChoice } from '../runs/choices.ts';
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

export function summary(session: Session, choices: readonly ClearChoice[]): string {
  const { outcomes } = session;
  const [facts] = resultsOf(outcomes, 'facts');
  const [peaks] = resultsOf(outcomes, 'peaks');
  const models = resultsOf(outcomes, 'models');
  const peers = resultsOf(outcomes, 'peers');
  const parts = [
    `# ${facts ? nameOf(facts) : session.adapter}`,
    `${session.adapter}, ${session.date}, ${digits(session.minutes)} minutes.${session.ended ? ` **${session.ended}**` : ''}`,
    facts && factLines(facts),
    peaks && peakLines(peaks),
    models.length > 0 && `## I3D\n\n${modelTable(models, peaks, peers)}`,
    models.length > 0 && peaks && layerSection(models, peaks),
    workSection(session),
    correctnessSection(session),
    choiceSection(choices, session),
    stageSection(session),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

/** Adapters call themselves by their driver, the device by its name. */
export const nameOf = ({ info }: Facts): string =>
  info.device.replace(/^-+|-+$/g, '') || `${info.vendor} ${info.architecture}`.trim() || 'unnamed device';

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, i) => (i === 0 ? '---' : '---:'));
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}

function factLines({ info, profile, features }: Facts): string {
  const { subgroups, subgroupMinSize, subgroupMaxSize, subgroupMatrix, maxWorkgroupStorage } = profile;
  const sizes = subgroups ? `${subgroupMinSize} to ${subgroupMaxSize} lanes` : 'none';
  const shapes = (subgroupMatrix?.configs ?? []).map(
    ({ componentType, resultComponentType, M, N, K }) => `${componentType}→${resultComponentType} ${M}×${N}×${K}`,
  );
  return [
    `- ${info.vendor} ${info.architecture}, ${info.description}${profile.software ? ', runs on the processor' : ''}`,
    `- subgroups: ${sizes}; f16: ${profile.shaderF16 ? 'yes' : 'no'}; time stamps: ${profile.timestamps ? 'yes' : 'no'}`,
    `- matrix units: ${shapes.length > 0 ? `${shapes.join(', ')} (dialect ${subgroupMatrix!.dialect})` : 'none'}`,
    `- workgroups: ${profile.maxInvocationsPerWorkgroup} threads, ${maxWorkgroupStorage / 1024} KiB; a binding: ${Math.round(profile.maxStorageBinding / 2 ** 20)} MiB`,
    `- features: ${features.join(', ')}`,
  ].join('\n');
}

function peakLines({ gflops, gflopsBy, gbs, gbsBy, halfGflops, matrices }: Results['peaks']): string {
  const rows = [
    ['f32 multiply-adds', `${digits(gflops / 1000)} TFLOP/s`, gflopsBy],
    ...(halfGflops === undefined ? [] : [['f16 multiply-adds', `${digits(halfGflops / 1000)} TFLOP/s`, '']]),
    ...matrices.map(({ component, M, N, K, gflops: rate, problem }) => [
      `matrices ${component}→f32 ${M}×${N}×${K}`,
      problem === undefined ? `${digits(rate / 1000)} TFLOP/s` : '✗',
      problem ?? '',
    ]),
    ['copy, read and written', `${digits(gbs)} GB/s`, gbsBy],
  ];
  return `## Peaks\n\n${markdown(['', 'measured', 'by'], rows)}`;
}

function modelTable(
  models: readonly ModelResult[],
  peaks: Results['peaks'] | undefined,
  peers: readonly PeerResult[],
): string {
  const rows = models.map(({ record }) => {
    const { frames, size, accuracy, ms, gflops, convolutionGflops, dispatches, compileMs, firstMs } = record;
    const beside = peers.filter((peer) => peer.frames === frames && peer.accuracy === accuracy).map(besidePeer);
    return [
      `${frames}×${size}×${size} ${accuracy}`,
      digits(ms),
      digits(gflops / 1000),
      peaks ? percent(gflops / peaks.gflops) : '',
      peaks ? percent(convolutionGflops / peaks.gflops) : '',
      `${dispatches}`,
      digits(compileMs + firstMs),
      beside.join('; '),
    ];
  });
  const header = [
    'clip',
    'ms',
    'TFLOP/s',
    'of f32 peak',
    'convolutions',
    'dispatches',
    'first ms',
    'PyTorch (its time over ours)',
  ];
  const note =
    'FLOPs as the direct algorithm counts, against multiply-adds of f32: Winograd and matrix units may pass 100 %. Upload and reading back are in the time.';
  return `${markdown(header, rows)}\n\n${note}`;
}

const besidePeer = ({ engine, ms, ratio }: PeerResult): string => `${engine} ${digits(ms)} ms (${digits(ratio)}×)`;

/** One table for the longest clip that was timed. */
function layerSection(models: readonly ModelResult[], peaks: Results['peaks']): string {
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
  return `## Layers at ${frames} frames\n\n${markdown(header, rows)}`;
}

function workSection({ outcomes }: Session): string | undefined {
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
      const rate = `${digits(record.gflops / 1000)} TFLOP/s, ${digits(record.ratio)} forward passes`;
      return [title, digits(record.stepMs), `${rate}${beside}`];
    }),
  ];
  return rows.length > 0 ? `## Flow and training\n\n${markdown(['', 'ms', ''], rows)}` : undefined;
}

function correctnessSection({ outcomes }: Session): string {
  const checked = [...outcomesOf(outcomes, 'defaults'), ...outcomesOf(outcomes, 'candidates')].filter(
    ({ value }) => value?.round === 1,
  );
  const failures = failuresOf(outcomes);
  const worst = checked.reduce((max, { value, problem }) => (problem ? max : Math.max(max, value!.error)), 0);
  const lines = [
    '## Correctness',
    `${checked.length} candidates were compared with sums in float64; ${failures.length === 1 ? '1 thing' : `${failures.length} things`} failed. The largest error of those that passed is ${worst.toExponential(1)} of the largest magnitude.`,
  ];
  if (failures.length > 0) {
    const shown = failures.slice(0, MOST_FAILURES).map(({ stage, title, problem, value }) => {
      const error =
        value && 'error' in value && Number.isFinite(value.error) ? ` (error ${value.error.toExponential(1)})` : '';
      return `- ${stage}: ${title}: ${problem}${error}`;
    });
    const rest = failures.length - shown.length;
    lines.push([...shown, ...(rest > 0 ? [`- and ${rest} more`] : [])].join('\n'));
  }
  return lines.join('\n\n');
}

function choiceSection(choices: readonly ClearChoice[], { outcomes }: Session): string | undefined {
  const timed = [...resultsOf(outcomes, 'candidates'), ...resultsOf(outcomes, 'timings')].some(({ ms }) => ms);
  if (!timed) return undefined;
  if (choices.length === 0) return '## Choices\n\nNo kernel was clearly faster than the best guess in every round.';
  const rows = [...choices]
    .sort((a, b) => b.gain - a.gain)
    .slice(0, 15)
    .map(({ problem, accuracy, candidate, guessMs, ms, gain }) => [
      problem.replace(/\{.*\} /, ''),
      accuracy,
      candidate,
      digits(ms),
      digits(guessMs),
      percent(gain - 1),
    ]);
  const table = markdown(['problem', 'class', 'choice', 'ms', 'best guess', 'faster by'], rows);
  const how =
    'To ship them, put the table beside this page into `src/graph/tables/` and its name into the list of `src/graph/tables/index.ts`.';
  return `## Choices\n\n${table}\n\n${choices.length} in all. ${how}`;
}

function stageSection({ wanted, stages, outcomes }: Session): string {
  const rows = STAGES.filter((name) => wanted.includes(name)).map((name) => {
    const ends = stages.filter(({ stage }) => stage === name);
    const seconds = ends.reduce((sum, end) => sum + end.seconds, 0);
    const last = ends.at(-1);
    const state = last ? `${last.how}${last.because ? `: ${last.because}` : ''}` : 'not finished';
    return [name, state, `${outcomesOf(outcomes, name).length}`, digits(seconds)];
  });
  return `## What was done\n\n${markdown(['stage', 'how it ended', 'things', 's'], rows)}`;
}
