/**
 * @file `bench lab`: one convolution, one kernel of the family, all its tiles, best first. For trying an idea: change the
 * kernel or give a file of WGSL, run, read GFLOP/s and the share of the peak.
 */

import { readFile } from 'node:fs/promises';
import { InputError } from '../src/core/errors.ts';
import type { DeviceProfile } from '../src/core/kernel.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { isOp } from '../src/graph/graph.ts';
import { conv3dDirect } from '../src/kernels/conv3d/direct.ts';
import { packWeights, type Triple } from '../src/kernels/conv3d/problem.ts';
import { conv3dRegister } from '../src/kernels/conv3d/processor/register.ts';
import { conv3dSubgroup } from '../src/kernels/conv3d/processor/subgroup.ts';
import { conv3dTiled, conv3dTiledFits } from '../src/kernels/conv3d/tiled.ts';
import { padChannels } from '../src/kernels/shared/stored.ts';
import { loopBound } from '../src/kernels/shared/wgsl.ts';
import { conv3d } from '../src/ops/conv3d/conv3d.ts';
import type { Argument, Candidate } from '../src/ops/operator.ts';
import { splitWindows } from '../src/ops/sliding_window.ts';
import { type Case, conv3dCase } from './cases.ts';
import { digits, originOf, percent, table } from './format.ts';
import { parseLabFile } from './lab_file.ts';
import { type LabVariant, product, sweep } from './lab_sweep.ts';
import { measurePeaks, type Peaks } from './peaks.ts';
import { print, progress, writeJson } from './report.ts';
import { type Trial, Workbench } from './workbench.ts';

export interface LabOptions {
  /** `t,h,w,cin,cout,kt,kh,kw,stride` */
  readonly shape: string;
  readonly repeats: number;
  readonly json?: string;
}

/** What is tried of each kernel. To put a new kernel on the bench, add a line. */
const SWEEPS: Readonly<Record<string, (profile: DeviceProfile) => LabVariant[]>> = {
  direct: () => [{ name: '', kernel: conv3dDirect }],
  register: () =>
    sweep(
      product({
        lanes: [8, 16, 32],
        pixelsPerLane: [2, 4, 6, 8],
        vectorsPerLane: [1, 2, 3],
      }),
      conv3dRegister,
    ),
  subgroup: ({ subgroups, subgroupMinSize, subgroupMaxSize }) =>
    subgroups && subgroupMinSize === subgroupMaxSize && subgroupMinSize <= 16
      ? sweep(
          product({
            lanes: [subgroupMinSize],
            pixelsPerLane: [1, 2, 3, 4, 5, 6],
          }),
          conv3dSubgroup,
        )
      : [],
  tiled: (profile) =>
    sweep(
      product({
        bm: [32, 64, 128],
        bn: [32, 64, 128],
        bk: [8, 16, 32],
        tm: [4, 8],
        tn: [4, 8],
      }),
      (problem, tile) => conv3dTiled(problem, tile, loopBound(profile)),
      (tile) => dividesEvenly(() => conv3dTiledFits(profile, tile)),
    ),
};

/** Tiles that do not divide among their threads throw; a sweep leaves them out. */
function dividesEvenly(fits: () => boolean): boolean {
  try {
    return fits();
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

export function parseShape(text: string): Case {
  const values = text.split(/[,×x ]+/).map(Number);
  const whole = values.every((value) => Number.isSafeInteger(value) && value >= 1);
  if (!whole || values.length < 8 || values.length > 9) {
    throw new InputError(`--shape takes t,h,w,cin,cout,kt,kh,kw,stride (stride may be left out), not "${text}".`);
  }
  const [t, h, w, cin, cout, kt, kh, kw, stride = 1] = values as [number, ...number[]];
  const triple = (...extents: (number | undefined)[]): Triple => extents as unknown as Triple;
  return conv3dCase(triple(t, h, w), cin!, cout!, triple(kt, kh, kw), [stride, stride, stride]);
}

/** @param what A kernel of the family, or a file of WGSL (see lab_file.ts). */
export async function benchLab(gpu: Gpu, what: string, options: LabOptions): Promise<boolean> {
  const subject = parseShape(options.shape);
  const bench = new Workbench(gpu, subject);
  let peaks: Peaks;
  const trials: Trial[] = [];
  try {
    const tried = await candidatesOf(bench, what, gpu.profile);
    progress('Measuring the peak …');
    peaks = await measurePeaks(gpu);
    for (const [i, one] of tried.entries()) {
      progress(`${i + 1} of ${tried.length}: ${one.name} …`);
      trials.push(await bench.run(one, { ...options, budgetMs: 5000 }));
    }
  } finally {
    bench.dispose();
  }
  progress('');
  trials.sort((a, b) => (a.timing?.ms ?? Infinity) - (b.timing?.ms ?? Infinity));
  const rate = ({ timing }: Trial): number => subject.cost.flops / timing!.ms / 1e6;
  const { adapter, date } = originOf(gpu);
  print(`${adapter}: ${digits(peaks.gflops)} GFLOP/s of multiply-adds`);
  print(`${what} on ${subject.name}, ${digits(subject.cost.flops / 1e9)} GFLOP\n`);
  print(
    table(
      ['tile', 'ms', 'best ms', 'GFLOP/s', 'of peak', 'error', 'compile ms'],
      trials.map((trial) => [
        trial.candidate || what,
        ...(trial.timing
          ? [
              digits(trial.timing.ms),
              digits(trial.timing.best),
              digits(rate(trial)),
              percent(rate(trial) / peaks.gflops),
            ]
          : [`✗ ${trial.problem}`, '', '', '']),
        trial.error.toExponential(1),
        digits(trial.compileMs),
      ]),
    ),
  );
  await writeJson(options.json, { adapter, date, kernel: what, shape: subject.name, peaks, trials });
  return trials.every(({ problem }) => problem === undefined);
}

/** All tiles of a kernel that has a sweep or of a file, else what the operator offers under that name. */
async function candidatesOf(bench: Workbench, what: string, profile: DeviceProfile): Promise<Candidate[]> {
  const own = (variants: readonly LabVariant[]): Candidate[] =>
    variants.map((variant) => candidate(bench, bench.subject, variant, profile));
  if (what.endsWith('.wgsl')) {
    return own(parseLabFile(await readFile(what, 'utf8').catch(() => unreadable(what)), what));
  }
  if (Object.hasOwn(SWEEPS, what)) {
    const variants = SWEEPS[what]!(profile);
    if (variants.length === 0) throw new InputError(`The kernel ${what} does not run on this adapter.`);
    return own(variants);
  }
  const offered = await bench.candidates();
  const found = offered.filter(({ name }) => name.startsWith(what));
  if (found.length > 0) return found;
  const names = [...new Set([...Object.keys(SWEEPS), ...offered.map(({ name }) => name.split(' ')[0]!)])];
  throw new InputError(`There is no kernel ${what} for this shape: take ${names.join(', ')} or a .wgsl file.`);
}

function unreadable(path: string): never {
  throw new InputError(`${path} cannot be read.`);
}

/** A variant as the operator would offer it, with the arguments that all convolution kernels take. */
function candidate(bench: Workbench, subject: Case, variant: LabVariant, profile: DeviceProfile): Candidate {
  const [x, weights] = subject.inputs.map(({ shape }) => shape);
  const kernel = weights!.slice(0, 3) as unknown as Triple;
  const [cin, cout] = [x![4]!, weights![4]!];
  const { node } = subject;
  if (!isOp(node, conv3d)) throw new Error('The lab runs convolutions.');
  const { stride, padding, groups, activation } = node.attributes;
  const { inputs, outputs } = bench.operands;
  const parts = splitWindows({ kernel, stride, padding }, inputs[0]!, outputs, profile);
  const constants: Argument[] = [
    {
      from: 'constant',
      layout: 'gemm',
      inputs: [1],
      make: ([values]) => packWeights(values!.data, kernel[0] * kernel[1] * kernel[2], cin, cout),
    },
    { from: 'constant', layout: 'channels', inputs: [2], make: ([values]) => padChannels(values!.data) },
  ];
  return {
    name: variant.name,
    accuracy: 'exact',
    workspaces: [],
    lower: () =>
      parts.map((part) => ({
        kernel: variant.kernel({
          x: part.x,
          outputs: part.outputs,
          kernel,
          stride,
          padding: part.padding,
          groups,
          activation,
        }),
        args: [part.input, ...constants, ...part.outputArgs],
      })),
  };
}
