import { describe, expect, it } from 'vitest';
import { productWork, type Work } from '../../src/kernels/shared/work.ts';
import { deviceKind, deviceRates, workgroupsToFill } from '../../src/ops/device_rates.ts';
import { bestFirst, consideredKernels, estimate, LAST_RESORT } from '../../src/ops/estimate.ts';
import type { Candidate, Runs } from '../../src/ops/operator.ts';
import { MADE_UP_GPU } from '../made_up_device.ts';

const GPU = deviceRates(MADE_UP_GPU);

const work = (more: Partial<Work>): Work => ({
  arithmetic: 'tiled',
  flops: 0,
  bytes: 0,
  workgroups: GPU.filled / 64,
  threads: 64,
  ...more,
});

const candidate = (name: string, ...dispatches: Work[]): Candidate => ({
  name,
  accuracy: 'exact',
  workspaces: [],
  work: dispatches,
  lower: () => [],
});

const micros = (...dispatches: Work[]): number => estimate(candidate('', ...dispatches), GPU);

describe('the estimate', () => {
  const millisecond = { flops: 1e6 * GPU.gflops.tiled };

  it('is arithmetic over its rate or bytes over the bandwidth, whichever is longer, and the cost of each dispatch', () => {
    expect(micros(work(millisecond))).toBeCloseTo(1000 + GPU.dispatch, 3);
    expect(micros(work({ bytes: 1e6 * GPU.bandwidth }))).toBeCloseTo(1000 + GPU.dispatch, 3);
    expect(micros(work({ ...millisecond, bytes: 0.5e6 * GPU.bandwidth }))).toBeCloseTo(1000 + GPU.dispatch, 3);
    expect(micros(work(millisecond), work({}))).toBeCloseTo(1000 + 2 * GPU.dispatch, 3);
    expect(micros(work({ ...millisecond, share: 0.5 }))).toBeCloseTo(2000 + GPU.dispatch, 3);
  });

  it('counts what stays idle: all that is missing to a full device, and half of the last wave', () => {
    const full = micros(work(millisecond));
    const busy = (time: number) => time - GPU.dispatch;
    const waves = (count: number) =>
      busy(micros(work({ ...millisecond, workgroups: (count * GPU.filled) / 64 }))) / busy(full);
    expect(waves(0.25)).toBeCloseTo(4, 3);
    expect(waves(1)).toBe(1);
    expect(waves(2)).toBeCloseTo(1.125, 3);
    expect(waves(100)).toBeLessThan(1.01);
    for (const count of [1, 1.1, 1.5, 2, 3, 10]) expect(waves(count), `${count} waves`).toBeGreaterThanOrEqual(1);
  });

  it('grows with the square of registers that are missing, and not with those that are there', () => {
    const full = micros(work(millisecond)) - GPU.dispatch;
    const time = (registers: number) => (micros(work({ ...millisecond, registers })) - GPU.dispatch) / full;
    expect(time(GPU.registers)).toBe(1);
    expect(time(2 * GPU.registers)).toBeCloseTo(4, 3);
  });

  it('counts what tiles compute beyond the ends', () => {
    const tile = { bm: 64, bn: 64, threads: 64, arithmetic: 'tiled' } as const;
    const whole = productWork({ m: 128, n: 64, k: 10 }, tile, 0);
    expect(whole).toMatchObject({ flops: 2 * 128 * 64 * 10, used: 1, workgroups: 2 });
    expect(productWork({ m: 65, n: 48, k: 10 }, tile, 0)).toMatchObject({
      flops: whole.flops,
      used: (65 * 48) / (128 * 64),
      workgroups: 2,
    });
    expect(productWork({ m: 128, n: 64, k: 10, batches: 3 }, tile, 0)).toMatchObject({ workgroups: 6, used: 1 });
  });

  it('puts the fastest first, of equal ones the first that is listed, and last whoever does not say', () => {
    const [slow, fast, equal] = [
      candidate('slow', work({ flops: 2e9 })),
      candidate('fast', work({ flops: 1e9 })),
      candidate('equal', work({ flops: 1e9 })),
    ];
    const { work: _, ...silent } = candidate('silent');
    const names = bestFirst([silent, slow, fast, equal], MADE_UP_GPU).map(({ name }) => name);
    expect(names).toEqual(['fast', 'equal', 'slow', 'silent']);
  });

  it('is what a reader sees, and what counts against a kernel beside its time', () => {
    const plain = candidate('plain', work(millisecond));
    const charged = { ...candidate('charged', work(millisecond)), surcharges: [LAST_RESORT] };
    const [first, last] = consideredKernels([plain, charged], MADE_UP_GPU);
    expect(first).toEqual({ kernel: 'plain', accuracy: 'exact', estimate: estimate(plain, GPU), against: [] });
    expect(last!.against).toEqual([LAST_RESORT.because]);
    expect(last!.estimate! / first!.estimate!).toBeGreaterThan(LAST_RESORT.factor / 2);
  });

  it('forgives what is paid once where a plan runs many times', () => {
    const plain = candidate('plain', work(millisecond));
    const compiled = { ...candidate('compiled', work({ flops: 0.9 * millisecond.flops })) };
    const charged = { ...compiled, surcharges: [{ factor: 1.5, because: 'has a shader of its own', once: true }] };
    const names = (runs: Runs) => bestFirst([plain, charged], MADE_UP_GPU, runs).map(({ name }) => name);
    expect(names('few')).toEqual(['plain', 'compiled']);
    expect(names('many')).toEqual(['compiled', 'plain']);
    expect(estimate(charged, GPU, 'many')).toBe(estimate(compiled, GPU));
    const [seen] = consideredKernels([charged], MADE_UP_GPU, 'many');
    expect(seen).toMatchObject({ estimate: estimate(compiled, GPU), against: [] });
    const always = { ...plain, surcharges: [LAST_RESORT] };
    expect(estimate(always, GPU, 'many')).toBe(estimate(always, GPU));
  });
});

describe('kinds of devices', () => {
  it.each([
    ['mesa', true, 'llvmpipe'],
    ['google', true, 'software'],
    ['nvidia', false, 'nvidia'],
    ['qualcomm', false, 'mobile'],
    ['arm', false, 'mobile'],
    ['nobody', false, 'amd'],
  ] as const)('of the vendor %s (software: %s) is %s', (vendor, software, kind) => {
    expect(deviceKind({ vendor, software, architecture: '' })).toBe(kind);
  });

  it('know the one architecture of NVIDIA that is large for sure', () => {
    expect(deviceKind({ vendor: 'nvidia', software: false, architecture: 'hopper' })).toBe('hopper');
    expect(deviceKind({ vendor: 'amd', software: false, architecture: 'hopper' })).toBe('amd');
  });

  it('are filled by threads, processors by workgroups of whatever size', () => {
    expect(workgroupsToFill(GPU, 128)).toBe(Math.ceil(GPU.filled / 128));
    const processor = deviceRates({ vendor: 'mesa', software: true, architecture: '' });
    expect(workgroupsToFill(processor, 8)).toBe(workgroupsToFill(processor, 64));
  });
});
