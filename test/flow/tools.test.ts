import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { floatTensor } from '../../src/core/tensor.ts';
import {
  COLOR_WHEEL,
  compareFlow,
  flowToColor,
  flowToStream,
  pairsPerGroup,
  presets,
  resolveOptions,
  solverBytes,
} from '../../src/flow/index.ts';
import { pyramidExtents } from '../../src/flow/pyramid.ts';
import { denseView } from '../../src/kernels/shared/view.ts';
import { flowStream } from '../../src/kernels/tvl1/stream.ts';
import { fill } from '../formula.ts';
import { expectClose, runKernel, testGpu } from '../harness.ts';

describe('options', () => {
  it('take a preset, and what is given over it', () => {
    expect(resolveOptions()).toEqual(presets.opencv);
    expect(resolveOptions({ preset: 'accurate', warps: 3 })).toEqual({ ...presets.accurate, warps: 3 });
  });

  it.each([
    [{ tau: 0 }, /tau/],
    [{ tau: Number.NaN }, /tau/],
    [{ scales: 1.5 }, /scales must be a whole number/],
    [{ scaleStep: 1 }, /scaleStep/],
    [{ medianFiltering: 4 as 5 }, /medianFiltering must be 1, 3 or 5/],
    [{ weightedMedian: 5 as 9 }, /weightedMedian must be 1, 9 or 13/],
    [{ preset: 'best' as 'fast' }, /flow preset must be .* not "best"/],
  ])('out of range are refused: %o', (options, message) => {
    expect(() => resolveOptions(options)).toThrow(InputError);
    expect(() => resolveOptions(options)).toThrow(message);
  });

  it('make the levels that OpenCV makes', () => {
    const widths = (scales: number) =>
      pyramidExtents({ width: 224, height: 100 }, scales, 0.8).map(({ width }) => width);
    expect(widths(5)).toEqual([224, 179, 143, 114, 91]);
    expect(widths(100).length).toBe(9);
    expect(pyramidExtents({ width: 8, height: 8 }, 5, 0.8)).toEqual([{ width: 8, height: 8 }]);
  });
});

describe('memory', () => {
  const options = presets.opencv;
  it('is bounded: a long clip is cut into even groups that fit', () => {
    const size = { width: 640, height: 480, pairs: 250 };
    const budget = 256 << 20;
    const pairs = pairsPerGroup(size, options, budget, 128 << 20);
    expect(solverBytes({ ...size, pairs }, options)).toBeLessThan(budget);
    expect(Math.ceil(250 / pairs) * pairs - 250).toBeLessThan(Math.ceil(250 / pairs));
  });

  it('has room for one pair of 4K within the smallest binding of browsers', () => {
    expect(pairsPerGroup({ width: 3840, height: 2160, pairs: 3 }, options, 1 << 30, 128 << 20)).toBe(1);
    expect(() => pairsPerGroup({ width: 30000, height: 20000, pairs: 1 }, options, 1 << 30, 128 << 20)).toThrow(
      InputError,
    );
  });
});

describe('comparison with a truth', () => {
  it('measures pixels and degrees, and leaves out what is unknown', () => {
    const truth = floatTensor([1, 4, 2], [1, 0, 0, 0, 1e10, 1e10, Number.NaN, 0]);
    const flow = floatTensor([1, 4, 2], [0, 0, 3, 4, 7, 7, 7, 7]);
    const error = compareFlow(flow, truth);
    expect(error.validPixels).toBe(2);
    expect(error.endPointError).toBeCloseTo(3, 6);
    expect(error.angularError).toBeCloseTo((45 + (Math.acos(1 / Math.sqrt(26)) * 180) / Math.PI) / 2, 6);
  });

  it('refuses other sizes', () => {
    const small = floatTensor([1, 1, 2], [0, 0]);
    expect(() => compareFlow(small, floatTensor([1, 2, 2], [0, 0, 0, 0]))).toThrow(/1×1×2 cannot be compared.*1×2×2/);
  });
});

describe('colours', () => {
  it('go around the wheel of 55 steps', () => {
    expect(COLOR_WHEEL.length).toBe(55);
    expect(COLOR_WHEEL[0]).toEqual([1, 0, 0]);
    expect(COLOR_WHEEL[15]).toEqual([1, 1, 0]);
  });

  it('are white where nothing moves, red to the right, black where unknown', () => {
    const { data, shape } = flowToColor(floatTensor([1, 4, 2], [0, 0, 5, 0, 1e10, 0, 10, 0]), { maxLength: 5 });
    expect(shape).toEqual([1, 4, 3]);
    expect([...data.subarray(0, 3)]).toEqual([255, 255, 255]);
    expect([...data.subarray(3, 6)]).toEqual([255, 0, 0]);
    expect([...data.subarray(6, 9)]).toEqual([0, 0, 0]);
    expect(data[9]).toBe(191);
  });
});

describe('the flow stream’s input', () => {
  const gpu = testGpu();

  it('is clipped at 20 px and divided by 20', async () => {
    const flow = floatTensor([1, 1, 3, 2], [10, -30, 0, 20, -5, 1]);
    const { data, shape } = await flowToStream(gpu(), flow);
    expect(shape).toEqual([1, 1, 3, 2]);
    expectClose(data, [0.5, -1, 0, 1, -0.25, 0.05]);
  });

  it('has 256 levels when quantised', async () => {
    const flow = floatTensor([1, 1, 3, 2], [0, -30, 20, 10, -0.01, 5.03]);
    const { data } = await flowToStream(gpu(), flow, { quantise: true });
    const level = (x: number): number => (2 * Math.min(255, Math.max(0, Math.round(128 + (255 / 40) * x)))) / 255 - 1;
    expectClose(data, [0, -20, 20, 10, -0.01, 5.03].map(level), 1e-6);
  });

  it('keeps padding lanes at zero and is resized like frames', async () => {
    const flow = fill('flow', 2 * 4 * 6 * 2, 8);
    const y = denseView([1, 2, 6, 9, 2]);
    const problem = { flow: { height: 4, width: 6 }, y, resized: { height: 8, width: 12 }, crop: { top: 1, left: 2 } };
    const kernel = flowStream({ ...problem, bound: 20, quantise: false, rescale: true });
    const run = await runKernel(gpu(), kernel, { inputs: { flow }, outputs: { y } });
    const at = (t: number, r: number, c: number, k: number): number =>
      flow[((t * 4 + Math.min(3, Math.max(0, r))) * 6 + Math.min(5, Math.max(0, c))) * 2 + k]!;
    const expected = Float64Array.from({ length: 2 * 6 * 9 * 2 }, (_, i) => {
      const [k, x, row, t] = [i % 2, ((i >> 1) % 9) + 2, (Math.floor((i >> 1) / 9) % 6) + 1, Math.floor((i >> 1) / 54)];
      const [sy, sx] = [Math.max(0, (row + 0.5) / 2 - 0.5), Math.max(0, (x + 0.5) / 2 - 0.5)];
      const [iy, ix] = [Math.floor(sy), Math.floor(sx)];
      const [fy, fx] = [sy - iy, sx - ix];
      const top = at(t, iy, ix, k) * (1 - fx) + at(t, iy, ix + 1, k) * fx;
      const bottom = at(t, iy + 1, ix, k) * (1 - fx) + at(t, iy + 1, ix + 1, k) * fx;
      return (2 * (top * (1 - fy) + bottom * fy)) / 20;
    });
    expectClose(run.y!, expected, 1e-5);
  });

  it('refuses a crop outside', async () => {
    const flow = floatTensor([1, 1, 3, 2], [0, 0, 0, 0, 0, 0]);
    await expect(flowToStream(gpu(), flow, { crop: { top: 0, left: 0, height: 2, width: 2 } })).rejects.toThrow(
      InputError,
    );
  });
});
