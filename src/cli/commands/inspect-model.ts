/** @file How a model runs on this device: its plan, node by node. */

import { formatShape } from '../../core/tensor.ts';
import { counted } from '../../core/words.ts';
import type { Gpu } from '../../gpu/device.ts';
import { compile } from '../../graph/compile.ts';
import { DeviceParameters } from '../../graph/parameters.ts';
import type { Plan, PlanRow, ProfiledRow } from '../../graph/plan.ts';
import type { ModelSpec } from '../../models/definition.ts';
import { modelGraph, OUTPUTS } from '../../models/graph.ts';
import { zeroParameters } from '../../models/parameters.ts';
import type { DeviceFlags, ModelTypeFlags } from '../options.ts';
import type { Session } from '../session.ts';
import { braces, type Column, quantity, table } from '../terminal/table.ts';
import { choicesTable } from './inspect-choices.ts';

/** How a model is inspected. */
export interface InspectFlags extends DeviceFlags, ModelTypeFlags {
  readonly frames?: number;
  readonly size?: number;
  readonly profile?: boolean;
  readonly choices?: boolean;
  readonly json?: boolean;
}

/** Profiles of which the median is shown, after one to warm up. */
const PROFILES = 3;

/** @param spec The model; flags may ask for other clips than it takes. */
export async function inspectModel(gpu: Gpu, spec: ModelSpec, flags: InspectFlags, session: Session): Promise<string> {
  const { architecture, stream, channels, classes } = spec;
  const { frames = spec.frames, size = spec.size, accuracy, kernel } = flags;
  const graph = modelGraph(spec, { frames, height: size, width: size });
  const parameters = new DeviceParameters(gpu, zeroParameters(spec));
  session.progress.say('compiling');
  const plan = await compile(graph, parameters, {
    outputs: [OUTPUTS.logits],
    tuning: await session.tuning(),
    ...(accuracy === undefined ? {} : { accuracy }),
    ...(kernel === undefined ? {} : { kernel }),
  });
  try {
    const rows = flags.profile ? await profile(plan, session) : plan.rows;
    session.progress.clear();
    const head = {
      model: `${architecture}-${stream}`,
      frames,
      height: size,
      width: size,
      channels,
      classes,
      adapter: gpu.profile.description,
    };
    if (flags.json) return toJson(head, plan, rows);
    return flags.choices ? `${titleOf(head)}\n\n${choicesTable(rows, timeOf)}` : toText(head, plan, rows);
  } finally {
    plan.dispose();
    parameters.dispose();
  }
}

type Head = Readonly<Record<'model' | 'adapter', string>> &
  Readonly<Record<'frames' | 'height' | 'width' | 'channels' | 'classes', number>>;

const titleOf = ({ model, frames, height, width, channels, adapter }: Head): string =>
  `${model}, ${frames}×${height}×${width}×${channels}, on ${adapter}`;

async function profile(plan: Plan, session: Session): Promise<ProfiledRow[]> {
  session.progress.say('warming up');
  await plan.profile();
  const runs: ProfiledRow[][] = [];
  for (let i = 0; i < PROFILES; i++) {
    session.progress.say(`profile ${i + 1} of ${PROFILES}`);
    runs.push(await plan.profile());
  }
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  return runs[0]!.map((row, i) => ({ ...row, ms: median(runs.map((run) => run[i]!.ms)) }));
}

const timeOf = (row: PlanRow): number | undefined => ('ms' in row ? (row as ProfiledRow).ms : undefined);
const sum = (rows: readonly PlanRow[], of: (row: PlanRow) => number): number =>
  rows.reduce((total, row) => total + of(row), 0);

function toText(head: Head, plan: Plan, rows: readonly PlanRow[]): string {
  const timed = rows.some((row) => timeOf(row) !== undefined);
  const columns: Column[] = [
    { title: 'node' },
    { title: 'kernel' },
    { title: 'output' },
    { title: 'parameters', align: 'right' },
    { title: 'GFLOP', align: 'right' },
    { title: 'MB', align: 'right' },
  ];
  if (timed) columns.push({ title: 'ms', align: 'right' }, { title: 'GFLOP/s', align: 'right' });
  const numbers = (parameters: number, flops: number, bytes: number, ms: number | undefined): string[] => [
    parameters === 0 ? '' : String(parameters),
    flops < 5e5 ? '' : (flops / 1e9).toFixed(3),
    (bytes / 1e6).toFixed(1),
    ...(ms === undefined ? [] : [ms.toFixed(2), flops < 5e5 ? '' : (flops / ms / 1e6).toFixed(1)]),
  ];
  const body = rows.map((row) => [
    braces(row.node.split(' + ')),
    row.dispatches > 1 ? `${row.kernel} ×${row.dispatches}` : row.kernel,
    braces(row.shapes.map(formatShape), '×'),
    ...numbers(row.parameters, row.flops, row.bytes, timeOf(row)),
  ]);
  const total = timed ? sum(rows, (row) => timeOf(row) ?? 0) : undefined;
  const sums = [sum(rows, (row) => row.parameters), sum(rows, (row) => row.flops), sum(rows, (row) => row.bytes)];
  body.push(['total', '', '', ...numbers(sums[0]!, sums[1]!, sums[2]!, total)]);
  const { arena, lowerBound, parameters } = plan.memory;
  return [
    titleOf(head),
    '',
    table(columns, body),
    '',
    `${counted(rows.length, 'node')}, ${counted(plan.dispatchCount, 'dispatch')}; memory ${quantity(arena, 'B')} (no plan needs less than ` +
      `${quantity(lowerBound, 'B')}), parameters ${quantity(parameters, 'B')}`,
  ].join('\n');
}

function toJson(head: Head, plan: Plan, rows: readonly PlanRow[]): string {
  const nodes = rows.map((row) => {
    const { firstDispatch: _, ...rest } = row;
    return { ...rest, ms: timeOf(row) };
  });
  return JSON.stringify({
    ...head,
    flops: plan.flops,
    dispatches: plan.dispatchCount,
    memory: plan.memory,
    ...(rows.some((row) => timeOf(row) !== undefined) ? { ms: sum(rows, (row) => timeOf(row) ?? 0) } : {}),
    nodes,
  });
}
