/**
 * @file `bench isa`: what Mesa's RADV makes of the kernels, in registers, occupancy and machine code, on an AMD GPU that is there or, by
 * RADV's own means, on one that is not.
 */

import { digits, percent, table } from './format.ts';
import { type CompiledKernel, compileKernels } from './isa/compile.ts';
import { estimateDispatch, fmaPeak, GPUS, IDLE_DISPATCH, issueCycles, type Limit } from './isa/estimate.ts';
import { print, writeJson } from './report.ts';

export interface IsaOptions {
  /** Mesa's names of AMD GPUs, such as `navi31`; the one at hand where empty. */
  readonly families: readonly string[];
  /** Part of the name of a kernel or candidate. */
  readonly kernel: string;
  /** With experimental features of WebGPU. */
  readonly experimental: boolean;
  readonly json?: string;
}

/** One shader on one GPU. */
export interface IsaRow {
  readonly kernel: string;
  /** The candidates that it belongs to. */
  readonly candidates: readonly string[];
  readonly family: string;
  readonly vgprs: number;
  readonly spilledVgprs: number;
  readonly scratch: number;
  readonly lds: number;
  /** Waves on a SIMD, those of 64 lanes counted twice, and threads of each. */
  readonly waves: number;
  readonly lanes: number;
  readonly instructions: number;
  /** Of the cycles in which the innermost loop that has multiply-adds issues vector instructions: those of multiply-adds. */
  readonly fmaShare: number | null;
  readonly ldsPerFma: number | null;
  readonly memoryPerFma: number | null;
  /** Vector instructions for each 16 bytes that a thread loads or stores, of kernels without a loop of multiply-adds. */
  readonly vectorPer16: number | null;
  /** Of a wave, by the compiler's model. */
  readonly cycles: number;
  /** What bounds most of its time; null for a GPU that isa/estimate.ts does not know, and where nobody counts the work. */
  readonly limit: Limit | null;
  /** Dispatches of the networks, of TV-L1 and of the training step that run it. */
  readonly dispatches: number;
  /** Those of them whose work is counted. */
  readonly layers: readonly IsaLayer[];
}

/** A dispatch, or several that are the same, by the model of isa/estimate.ts. */
export interface IsaLayer {
  readonly where: string;
  readonly node: string;
  readonly us: number;
  readonly limit: Limit;
  /** Of the node, as the direct algorithm counts; the first of its dispatches has all of them. */
  readonly flops: number;
}

/** @throws InputError where the adapter is none of RADV's, or no kernel is called so. */
export async function benchIsa({ families, kernel, json, experimental }: IsaOptions): Promise<IsaRow[]> {
  const rows: IsaRow[] = [];
  for (const wanted of families.length > 0 ? families : [undefined]) {
    const { family, kernels } = await compileKernels(kernel, wanted, experimental ? ['--experimental'] : []);
    rows.push(...kernels.map((entry) => rowOf(entry, family)));
  }
  print(report(rows));
  const known = rows.filter(({ layers }) => layers.length > 0);
  if (known.length > 0) print(`\n${networks(known)}`);
  await writeJson(json, rows);
  return rows;
}

function layersOf({ kernel, uses, shader }: CompiledKernel, family: string): IsaLayer[] {
  const gpu = GPUS[family];
  if (!gpu) return [];
  return uses.flatMap(({ work, where, node, flops, times = 1, idle }) => {
    if (!work) return [];
    const { us, limit } = idle ? IDLE_DISPATCH : estimateDispatch(shader, kernel, work, gpu);
    return [{ where, node, flops, us: us * times, limit }];
  });
}

/** A line for each network: its time, the share of the multiply-adds' peak, and how much of the time is bound by what. */
function networks(rows: readonly IsaRow[]): string {
  const groups = new Map<string, IsaLayer[]>();
  for (const { family, layers } of rows) {
    for (const layer of layers) {
      const key = `${family}\t${layer.where}`;
      groups.set(key, [...(groups.get(key) ?? []), layer]);
    }
  }
  const lines = [...groups].map(([key, group]) => {
    const [family, where] = key.split('\t') as [string, string];
    const [us, flops] = [total(group, 'us'), total(group, 'flops')];
    const bound = (limit: Limit): string => percent(boundBy(group, limit) / us);
    const share = flops / us / 1000 / fmaPeak(GPUS[family]!);
    return [where, GPUS[family]!.name, digits(us / 1000), flops > 0 ? percent(share) : '–', ...LIMITS.map(bound)];
  });
  return table(['estimated', 'GPU', 'ms', 'of FMA', ...LIMITS], lines, 2);
}

const LIMITS: readonly Limit[] = ['issue', 'latency', 'LDS', 'memory', 'few workgroups', 'nothing to do'];

const total = (layers: readonly IsaLayer[], key: 'us' | 'flops'): number =>
  layers.reduce((sum, layer) => sum + layer[key], 0);

/** Microseconds of the layers that this limit bounds. */
function boundBy(layers: readonly IsaLayer[], limit: Limit): number {
  const bound = layers.filter((layer) => layer.limit === limit);
  return total(bound, 'us');
}

/** The limit with the largest share of the time. */
function mainLimit(layers: readonly IsaLayer[]): Limit | null {
  const times = LIMITS.map((limit) => [limit, boundBy(layers, limit)] as const);
  const [[limit, us]] = times.sort((a, b) => b[1] - a[1]) as [readonly [Limit, number]];
  return us > 0 ? limit : null;
}

function rowOf(compiled: CompiledKernel, family: string): IsaRow {
  const { kernel, uses, shader } = compiled;
  const { statistics, hot, around, seldom, lanes } = shader;
  // Where staging is part of the loop, what it seldom does is not.
  const vector = (hot?.vector ?? 0) - (around ? 0 : (seldom?.vector ?? 0));
  const cycles = (count: number): number => issueCycles({ vector: count, matrix: hot?.matrix ?? 0 }, lanes);
  const layers = layersOf(compiled, family);
  const perFma = (count: number): number | null => (hot ? count / hot.fma : null);
  const { vgprs, spilledVgprs, scratch, lds, waves, instructions, inverseThroughput } = statistics;
  return {
    kernel,
    candidates: [...new Set(uses.map(({ candidate }) => candidate))],
    family,
    ...{ vgprs, spilledVgprs, scratch, lds, waves, lanes, instructions },
    fmaShare: hot ? cycles(hot.fmaInstructions) / cycles(vector) : null,
    ldsPerFma: perFma((hot?.ldsReads ?? 0) + (hot?.ldsWrites ?? 0)),
    memoryPerFma: perFma((hot?.memoryReads ?? 0) + (hot?.memoryWrites ?? 0)),
    vectorPer16: hot || shader.whole.memoryBytes === 0 ? null : (16 * shader.whole.vector) / shader.whole.memoryBytes,
    cycles: inverseThroughput,
    limit: mainLimit(layers),
    dispatches: uses.reduce((sum, { times = 1 }) => sum + times, 0),
    layers,
  };
}

const share = (value: number | null): string => (value === null ? '–' : percent(value));
const ratio = (value: number | null): string => (value === null ? '–' : digits(value));

function report(rows: readonly IsaRow[]): string {
  const header = [
    'kernel',
    'candidate',
    'GPU',
    'VGPRs',
    'spilt',
    'scratch',
    'LDS',
    'waves',
    'instr.',
    'FMA',
    'LDS/FMA',
    'vec/16 B',
    'limit',
  ];
  return table(
    header,
    rows.map((row) => [
      row.kernel,
      row.candidates[0]! + (row.candidates.length > 1 ? ` (+${row.candidates.length - 1})` : ''),
      row.family,
      `${row.vgprs}`,
      `${row.spilledVgprs}`,
      `${row.scratch}`,
      `${row.lds}`,
      `${row.waves} × ${row.lanes}`,
      `${row.instructions}`,
      share(row.fmaShare),
      ratio(row.ldsPerFma),
      ratio(row.vectorPer16),
      row.limit ?? '–',
    ]),
    3,
  );
}
