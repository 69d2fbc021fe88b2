/** @file What flow's functions refuse before they do anything: types, shapes, ranges, names and types of options. */

import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { floatTensor, type HostTensor } from '../../src/core/tensor.ts';
import { compareFlow, computeFlow, flowToColor, flowToStream, resolveOptions, Tvl1 } from '../../src/flow/index.ts';
import { preprocessGeometry } from '../../src/models/frames.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();
const SIZE = { width: 4, height: 3, pairs: 1 };
const SHORT = { scales: 1, warps: 1, outerIterations: 1, innerIterations: 3, medianFiltering: 1 } as const;

const frames = (over: Partial<Record<keyof HostTensor, unknown>> = {}): HostTensor<'u8'> =>
  ({ dtype: 'u8', shape: [2, 3, 4, 3], data: new Uint8Array(72), ...over }) as HostTensor<'u8'>;
const flow = (over: Partial<Record<keyof HostTensor, unknown>> = {}) =>
  ({ dtype: 'f32', shape: [1, 1, 2, 2], data: new Float32Array(4), ...over }) as ReturnType<typeof floatTensor>;

describe('options of TV-L1', () => {
  it.each<[string, object, RegExp]>([
    ['an unknown name', { lamda: 3 }, /^TV-L1 has no option lamda; did you mean lambda\?$/],
    ['a signal', { signal: new AbortController().signal }, /no option signal/],
    ['a number as text', { warps: '3' }, /warps must be a whole number from 1 to 100, not "3"/],
    ['NaN', { lambda: Number.NaN }, /lambda must be from .* not NaN/],
    ['nothing', { tau: null }, /tau must be .* not nothing/],
    ['a boolean as text', { useInitialFlow: 'false' }, /useInitialFlow must be false or true, not "false"/],
    ['a boolean as number', { exactRounding: 1 }, /exactRounding must be false or true, not 1/],
    ['another interpolation', { interpolation: 'cubic' }, /interpolation must be "bicubic" or "bilinear", not "cubic"/],
    ['other taps', { gradientTaps: 4 }, /gradientTaps must be 3 or 5, not 4/],
    ['a median as text', { medianFiltering: '5' }, /medianFiltering must be 1, 3 or 5, not "5"/],
    ['a preset by an inherited name', { preset: 'toString' }, /preset must be "opencv", "accurate" or "fast"/],
  ])('%s is refused', (_, options, message) => {
    expect(() => resolveOptions(options)).toThrow(InputError);
    expect(() => resolveOptions(options)).toThrow(message);
  });

  it('that are undefined are left out', () => {
    expect(resolveOptions({ lambda: undefined, preset: undefined } as never)).toEqual(resolveOptions());
    expect(() => resolveOptions(null as never)).toThrow(/options as an object, not nothing/);
  });
});

describe('computeFlow refuses', () => {
  it.each<[string, HostTensor<'u8'>, object, RegExp]>([
    ['RGBA called RGB', frames({ data: new Uint8Array(96) }), {}, /2×3×4×3 needs 72 values, and its data has 96/],
    [
      'RGBA',
      frames({ shape: [2, 3, 4, 4], data: new Uint8Array(96) }),
      {},
      /not 2×3×4×4; leave the alpha channel out\.$/,
    ],
    ['floats', frames({ dtype: 'f32', data: new Float32Array(72) }), {}, /of the type "u8", not "f32"/],
    ['floats called bytes', frames({ data: new Float32Array(72) }), {}, /u8 is kept in a Uint8Array/],
    ['a list', frames({ data: new Array(72).fill(0) }), {}, /a list of 72/],
    ['an array buffer', new Uint8Array(72) as never, {}, /must be a tensor .* not Uint8Array of 72/],
    ['nothing', undefined as never, {}, /must be a tensor .* not nothing/],
    ['an unknown option', frames(), { lamda: 3 }, /^computeFlow has no option lamda; did you mean lambda\?$/],
    ['an unknown solver', frames(), { solver: 'nonsense' }, /solver must be "sweep" or "tile", not "nonsense"/],
    ['a budget of NaN', frames(), { memoryBudget: Number.NaN }, /memoryBudget above 0, in bytes, not NaN/],
    ['a budget in words', frames(), { memoryBudget: '1GB' }, /not "1GB"/],
    ['progress that is no function', frames(), { onProgress: true }, /onProgress, a function, and was given true/],
    ['a signal that is none', frames(), { signal: new AbortController() }, /AbortSignal as signal/],
    ['an initial flow', frames(), { useInitialFlow: true }, /useInitialFlow is for Tvl1\.run/],
  ])('%s', async (_, clip, options, message) => {
    const failed = computeFlow(gpu(), clip, options);
    await expect(failed).rejects.toThrow(InputError);
    await expect(failed).rejects.toThrow(message);
  });
});

describe('Tvl1', () => {
  it.each<[string, unknown, object, RegExp]>([
    ['no size', undefined, {}, /needs a size \{ width, height, pairs \}, not nothing/],
    [
      'a size in parts',
      { ...SIZE, width: 2.5 },
      {},
      /width of the frames must be a whole number of at least 1, not 2\.5/,
    ],
    ['a size as text', { ...SIZE, height: '3' }, {}, /height of the frames .* not "3"/],
    ['a signal', SIZE, { signal: new AbortController().signal }, /^Tvl1\.create has no option signal/],
    ['an unknown solver', SIZE, { solver: 'nonsense' }, /solver must be/],
  ])('create refuses %s', async (_, size, settings, message) => {
    const failed = Tvl1.create(gpu(), size as typeof SIZE, settings);
    await expect(failed).rejects.toThrow(InputError);
    await expect(failed).rejects.toThrow(message);
  });

  it('run refuses what is no grey of 0 … 255, and an initial flow that it would not read', async () => {
    const tvl1 = await Tvl1.create(gpu(), SIZE, SHORT);
    const grey = (at: number, value: number) => new Float32Array(24).fill(100).fill(value, at, at + 1);
    const cases: [unknown, RegExp][] = [
      [new Uint16Array(24), /in a Uint8Array or a Float32Array, not in Uint16Array of 24/],
      [new Array(24).fill(0), /not in a list of 24/],
      [undefined, /not in nothing/],
      [{ dtype: 'u8', shape: [2, 3, 4], data: new Uint8Array(24) }, /not in an object/],
      [new Uint8Array(72), /24 grey values, not 72; make RGB grey first, or use computeFlow/],
      [grey(17, Number.NaN), /at frame 1, row 1, column 1 is NaN/],
      [grey(0, 256), /at frame 0, row 0, column 0 is 256/],
      [grey(23, -1), /at frame 1, row 2, column 3 is -1/],
      [new Float32Array(24).fill(0.7), /within 0 … 1 and flow takes 0 … 255; multiply them by 255/],
    ];
    try {
      for (const [given, message] of cases) {
        await expect(tvl1.run(given as Uint8Array)).rejects.toThrow(InputError);
        await expect(tvl1.run(given as Uint8Array)).rejects.toThrow(message);
      }
      await expect(tvl1.run(grey(0, 1), new Float32Array(24))).rejects.toThrow(/useInitialFlow is off/);
      // Black and white of one step, and what rounding carries outside.
      for (const fine of [new Float32Array(24).fill(1, 3), grey(0, 255.00002), grey(0, -1e-5)]) {
        await expect(tvl1.run(fine)).resolves.toMatchObject({ shape: [1, 3, 4, 2] });
      }
    } finally {
      tvl1.dispose();
    }
  });
});

describe('flowToStream refuses', () => {
  it.each<[string, ReturnType<typeof floatTensor>, object, RegExp]>([
    ['bytes called f32', flow({ data: new Uint8Array(4) }), {}, /said to be f32 and its data is Uint8Array of 4/],
    ['too little data', flow({ data: new Float32Array(3) }), {}, /needs 4 values, and its data has 3/],
    ['one pair without its extent', flow({ shape: [1, 2, 2] }), {}, /shape 1×2×2; flow is pairs×height×width×2/],
    [
      'NaN',
      flow({ data: Float32Array.of(0, 0, 0, Number.NaN) }),
      {},
      /unknown at frame 0, row 0, column 1, .*\(0, NaN\)/,
    ],
    [
      'Middlebury’s unknown',
      flow({ data: Float32Array.of(1e10, 1e10, 0, 0) }),
      {},
      /unknown at frame 0, row 0, column 0/,
    ],
    ['an unknown option', flow(), { bounds: 20 }, /flowToStream has no option bounds; did you mean bound\?/],
    ['a signal that is none', flow(), { signal: new AbortController() }, /AbortSignal as signal/],
    ['a bound of NaN', flow(), { bound: Number.NaN }, /above 0, not at NaN/],
    ['a bound without end', flow(), { bound: Number.POSITIVE_INFINITY }, /not at Infinity/],
    ['a bound as text', flow(), { bound: '20' }, /not at "20"/],
    ['switches as text', flow(), { quantise: 'yes' }, /quantise of flowToStream must be true or false, not "yes"/],
    ['a size in parts', flow(), { resized: { height: 1.5, width: 2 } }, /height of flowToStream's resized .* not 1\.5/],
    ['half a size', flow(), { resized: { height: 1 } }, /width of flowToStream's resized .* not nothing/],
    ['a crop in parts', flow(), { crop: { top: 0, left: 0.5, height: 1, width: 1 } }, /left of flowToStream's crop/],
    ['a crop by other names', flow(), { crop: { x: 0, y: 0, height: 1, width: 1 } }, /crop has no option x/],
  ])('%s', async (_, tensor, options, message) => {
    const failed = flowToStream(gpu(), tensor, options);
    await expect(failed).rejects.toThrow(InputError);
    await expect(failed).rejects.toThrow(message);
  });
});

describe('pictures and comparisons of flow refuse', () => {
  const plain = floatTensor([1, 2, 2], [0, 0, 0, 0]);
  it.each<[string, () => unknown, RegExp]>([
    ['no flow', () => flowToColor(undefined as never), /The flow must be a tensor/],
    ['too little data', () => flowToColor({ ...plain, data: new Float32Array(2) }), /needs 4 values/],
    ['three components', () => flowToColor(floatTensor([1, 1, 3], [0, 0, 0])), /flow is height×width×2 or pairs×/],
    ['an unknown option', () => flowToColor(plain, { maxlength: 3 } as never), /did you mean maxLength\?/],
    ['a length of NaN', () => flowToColor(plain, { maxLength: Number.NaN }), /maxLength above 0, in pixels, not NaN/],
    ['a length of zero', () => flowToColor(plain, { maxLength: 0 }), /not 0/],
    ['a truth of bytes', () => compareFlow(plain, { ...plain, data: new Uint8Array(4) } as never), /The truth is said/],
    ['no truth', () => compareFlow(plain, undefined as never), /The truth must be a tensor/],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(InputError);
    expect(run).toThrow(message);
  });
});

const FRAMES = { shortSide: 256, crop: 224 };

describe('preprocessGeometry refuses', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['sizes in parts', () => preprocessGeometry(10.5, 20, FRAMES), /height of the frames must be a whole number/],
    ['no sizes', () => preprocessGeometry(0, 20, FRAMES), /of at least 1, not 0/],
    ['a list of sizes', () => preprocessGeometry([10, 20] as never, undefined as never, FRAMES), /not a list of 2/],
    ['unknown options', () => preprocessGeometry(300, 300, { shortside: 256 } as never), /did you mean shortSide\?/],
    [
      'a crop of NaN',
      () => preprocessGeometry(300, 300, { ...FRAMES, crop: Number.NaN }),
      /option crop must be .* not NaN/,
    ],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(InputError);
    expect(run).toThrow(message);
  });
});
