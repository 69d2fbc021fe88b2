/** @file `i3d doctor`: what this machine offers, what is missing and how to get it. */

import type { Command } from 'commander';
import { I3dError } from '../../core/errors.ts';
import type { SubgroupMatrices } from '../../core/kernel.ts';
import { floatTensor } from '../../core/tensor.ts';
import type { Gpu } from '../../gpu/device.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { compile } from '../../graph/compile.ts';
import { DeviceParameters } from '../../graph/parameters.ts';
import { loadFfmpeg } from '../../io/ffmpeg.ts';
import { adapterAdvice, findBrowser, packageVersions } from '../machine.ts';
import { addDeviceOptions, type DeviceFlags } from '../options.ts';
import { withSession } from '../session.ts';
import { print } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';

interface DoctorFlags extends DeviceFlags {
  readonly json?: boolean;
}

interface Adapter {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly software: boolean;
  readonly features: readonly string[];
  readonly subgroupSizes: readonly [min: number, max: number] | null;
  readonly subgroupMatrix: SubgroupMatrices | null;
  readonly limits: Readonly<Record<string, number>>;
  /** Milliseconds of a small convolution, its compilation included; null where it gave a wrong result. */
  readonly trialMs: number | null;
}

interface Report {
  readonly package: string;
  readonly node: string;
  readonly platform: string;
  readonly dawn: string;
  readonly adapter: Adapter | null;
  readonly ffmpeg: string | null;
  readonly browser: string | null;
  /** What is missing, one sentence each; without `required` things work that do not need it. */
  readonly missing: readonly { readonly what: string; readonly advice: string; readonly required: boolean }[];
}

export function addDoctor(program: Command): Command {
  const command = program
    .command('doctor')
    .description('Show the adapter, its limits and features, and what is missing.')
    .option('--json', 'print one JSON object');
  addDeviceOptions(command);
  return command.action(async (flags: DoctorFlags) => {
    const report = await examine(flags);
    await print(`${flags.json ? JSON.stringify(report) : toText(report, flags.experimental)}\n`);
    if (report.missing.some(({ required }) => required)) process.exitCode = 1;
  });
}

async function examine(flags: DoctorFlags): Promise<Report> {
  const missing: Report['missing'][number][] = [];
  const attempt = async <T>(what: string, body: () => Promise<T>, advice?: () => string): Promise<T | null> => {
    try {
      return await body();
    } catch (error) {
      if (!(error instanceof I3dError)) throw error;
      missing.push({ what, advice: [error.message, advice?.() ?? ''].join(' ').trim(), required: true });
      return null;
    }
  };
  const adapter = await withSession(flags, (session) =>
    attempt('adapter', async () => describe(await session.gpu()), adapterAdvice),
  );
  if (adapter?.trialMs === null) {
    const advice =
      'The adapter computes a small convolution wrongly: update its driver, or choose another by --adapter.';
    missing.push({ what: 'correct results', advice, required: true });
  }
  const ffmpeg = await attempt('video', async () => (await loadFfmpeg()).getFFmpegInfo().version);
  const browser = findBrowser();
  if (browser === undefined) {
    const advice =
      'No Chromium was found; only the browser test needs one (set CHROME_PATH to it, or install chromium).';
    missing.push({ what: 'browser', advice, required: false });
  }
  const versions = packageVersions();
  return {
    package: versions.own,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    dawn: versions.webgpu,
    adapter,
    ffmpeg: ffmpeg === null ? null : `${ffmpeg} (node-av ${versions['node-av']})`,
    browser: browser ?? null,
    missing,
  };
}

async function describe(gpu: Gpu): Promise<Adapter> {
  const { profile, adapter } = gpu;
  return {
    name: profile.description,
    vendor: profile.vendor,
    architecture: profile.architecture,
    software: profile.software,
    features: [...adapter.features].sort(),
    subgroupSizes: profile.subgroups ? [profile.subgroupMinSize, profile.subgroupMaxSize] : null,
    subgroupMatrix: profile.subgroupMatrix ?? null,
    limits: {
      maxStorageBufferBindingSize: profile.maxStorageBinding,
      maxBufferSize: profile.maxBufferSize,
      maxComputeWorkgroupStorageSize: profile.maxWorkgroupStorage,
      maxComputeInvocationsPerWorkgroup: profile.maxInvocationsPerWorkgroup,
      maxComputeWorkgroupsPerDimension: profile.maxWorkgroupsPerDimension,
      maxStorageBuffersPerShaderStage: adapter.limits.maxStorageBuffersPerShaderStage,
    },
    trialMs: await trial(gpu),
  };
}

/** Whether the device computes: sums of 3×3×3 ones are known without it. */
async function trial(gpu: Gpu): Promise<number | null> {
  const builder = new GraphBuilder();
  const weights = builder.parameter('weights', [3, 3, 3, 4, 8]);
  builder.name('y', builder.conv3d('trial', builder.input('x', [1, 3, 8, 8, 4]), weights, { padding: 'valid' }));
  const ones = floatTensor([3, 3, 3, 4, 8], new Float32Array(27 * 32).fill(1));
  const parameters = new DeviceParameters(gpu, new Map([['weights', ones]]));
  const start = performance.now();
  const plan = await compile(builder.build(), parameters);
  const { y } = await plan.run({ x: floatTensor([1, 3, 8, 8, 4], new Float32Array(3 * 64 * 4).fill(2)) });
  const ms = performance.now() - start;
  plan.dispose();
  parameters.dispose();
  return y!.data.every((value) => Math.abs(value - 216) < 0.01) ? Math.round(ms * 10) / 10 : null;
}

function toText(report: Report, experimental = false): string {
  const { adapter } = report;
  const rows: string[][] = [
    ['i3d-webgpu', report.package],
    ['Node', `${report.node} on ${report.platform}`],
    ['Dawn', `npm package webgpu ${report.dawn}`],
    ['adapter', adapter ? `${adapter.name}${adapter.software ? ' (software: runs on the CPU)' : ''}` : 'none'],
  ];
  if (adapter) {
    const { subgroupSizes, trialMs } = adapter;
    const has = (name: string) => (adapter.features.includes(name) ? 'yes' : 'no');
    const sizes = subgroupSizes && [...new Set(subgroupSizes)].join(' to ');
    rows.push(
      ['  vendor', `${adapter.vendor}, ${adapter.architecture}`],
      ['  trial', trialMs === null ? 'wrong result' : `a small convolution is right (${trialMs} ms)`],
      ['  subgroups', sizes ? `yes, ${sizes} lanes` : 'no'],
      ['  subgroup matrices', matrices(adapter.subgroupMatrix, experimental)],
      ['  16-bit floats', has('shader-f16')],
      ['  time stamps', has('timestamp-query')],
      ...Object.entries(adapter.limits).map(([name, value]) => [
        `  ${name}`,
        /Size$/.test(name) ? `${value} (${binary(value)})` : String(value),
      ]),
      ['  other features', `${adapter.features.filter((name) => !SHOWN.has(name)).length} (--json lists them)`],
    );
  }
  rows.push(['video', report.ffmpeg ? `FFmpeg ${report.ffmpeg}` : 'none'], ['browser', report.browser ?? 'none']);
  const lines = [table([{ title: '' }, { title: '' }], rows), ''];
  if (report.missing.length === 0) lines.push('Nothing is missing.');
  else lines.push(...report.missing.map(({ what, advice }) => `Missing: ${what}. ${advice}`));
  return lines.join('\n');
}

/** `yes (M×N×K): f16 → f32 16×16×16`. */
function matrices(found: SubgroupMatrices | null, asked: boolean): string {
  if (!found) return asked ? 'no' : 'not asked for (--experimental)';
  const configs = found.configs.map((c) => `${c.componentType} → ${c.resultComponentType} ${c.M}×${c.N}×${c.K}`);
  return `yes (M×N×K): ${configs.join(', ') || 'no shapes'}`;
}

const SHOWN = new Set(['shader-f16', 'subgroups', 'timestamp-query', 'chromium-experimental-subgroup-matrix']);

/** Limits are powers of two: `128 MiB`. */
function binary(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10 + 1e-6));
  return `${Math.round((bytes / 1024 ** step) * 10) / 10} ${units[step]}`;
}
