import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { preprocessGeometry } from '../../src/models/frames.ts';
import {
  type AugmentationOptions,
  type ClipPlan,
  centreGeometry,
  centreSquare,
  checkAugmentation,
  DEFAULT_AUGMENTATION,
  NO_AUGMENTATION,
  planClip,
  windowFrames,
  windowStarts,
} from '../../src/train/data/augmentation.ts';

const AVAILABLE = { frames: 100, width: 85, height: 64 };
const WANTED = { frames: 32, size: 56, shortSide: 64, stream: 'rgb' } as const;

function plans(
  options: Partial<AugmentationOptions>,
  available = AVAILABLE,
  wanted: Parameters<typeof planClip>[3] = WANTED,
): ClipPlan[] {
  const all = { ...NO_AUGMENTATION, ...options };
  return Array.from({ length: 400 }, (_, i) => planClip(new Random(1, i), all, available, wanted));
}

const span = (values: readonly number[]) => [Math.min(...values), Math.max(...values)] as const;

describe('planClip', () => {
  it('shows the middle of the picture, in order, with everything switched off', () => {
    for (const { frameIndices, square, geometry } of plans({})) {
      expect(geometry).toEqual(centreGeometry(56, 64));
      expect(square).toEqual(centreSquare(56, 64, AVAILABLE));
      expect(windowStarts(100, 32, 6)).toContain(frameIndices[0]);
      expect(frameIndices).toEqual(windowFrames(frameIndices[0]!, 32, 100));
    }
  });

  it('is the same for the same stream, and a variation switched off leaves the others as they were', () => {
    const [all] = plans(DEFAULT_AUGMENTATION);
    expect(plans(DEFAULT_AUGMENTATION)[0]).toEqual(all);
    const [still] = plans({ ...DEFAULT_AUGMENTATION, flip: false, shuffle: 0 });
    expect(still!.square).toEqual(all!.square);
    expect(still!.geometry.toSpliced(4, 1)).toEqual(all!.geometry.toSpliced(4, 1));
  });

  it('takes regions of crop / scale from all over the picture, at most the whole square', () => {
    const drawn = plans({ crop: true, scale: [0.8, 1.2] });
    expect(span(drawn.map(({ square }) => square.left))).toEqual([0, 21]);
    expect(span(drawn.map(({ square }) => square.top))).toEqual([0, 0]);
    const sides = drawn.map(({ geometry }) => geometry[2]!);
    expect(span(sides)[0]).toBeCloseTo(56 / 1.2, 0);
    expect(span(sides)[1]).toBe(64);
    for (const { geometry } of drawn) {
      const [top, left, height, width, ...rest] = geometry as [number, number, number, number];
      expect(height).toBe(width);
      expect(Math.min(top, left)).toBeGreaterThanOrEqual(0);
      expect(Math.max(top, left) + height).toBeLessThanOrEqual(64 + 1e-9);
      expect(rest).toEqual([0, 0, 0, 0]);
    }
    const share = sides.filter((side) => side === 64).length / sides.length;
    // All scales below 56/64.
    expect(share).toBeCloseTo((0.875 - 0.8) / 0.4, 1);
  });

  it('flips every other clip', () => {
    const share = plans({ flip: true }).filter(({ geometry }) => geometry[4] === 1).length / 400;
    expect(Math.abs(share - 0.5)).toBeLessThan(0.08);
  });

  it('moves windows by up to three frames, not beyond the clip', () => {
    const starts = windowStarts(100, 32, 6);
    const first = plans({ jitter: 3 }).map(({ frameIndices }) => frameIndices[0]!);
    const moves = first.map((frame) => Math.min(...starts.map((start) => Math.abs(frame - start))));
    expect(span(moves)).toEqual([0, 3]);
    expect(span(first)).toEqual([0, 68]);
    expect(new Set(first).size).toBe(4 + 4 * 7 + 4);
  });

  it('repeats a clip that is shorter than the window', () => {
    const drawn = plans({ jitter: 3 }, { ...AVAILABLE, frames: 10 });
    for (const { frameIndices } of drawn) {
      expect(frameIndices).toEqual(windowFrames(frameIndices[0]!, 32, 10));
    }
    expect(new Set(drawn.map(({ frameIndices }) => frameIndices[0]))).toEqual(new Set([0, 1, 2, 3, 7, 8, 9]));
    expect(plans({}, { ...AVAILABLE, frames: 1 })[0]!.frameIndices).toEqual(new Array(32).fill(0));
  });

  it('shuffles one segment of four frames in twenty', () => {
    const drawn = plans({ shuffle: 0.05 });
    let swaps = 0;
    for (const { frameIndices } of drawn) {
      const sorted = frameIndices.toSorted((a, b) => a - b);
      expect(sorted).toEqual(windowFrames(sorted[0]!, 32, 100));
      for (let i = 0; i < 32; i += 4) {
        expect(frameIndices.slice(i, i + 4)).toEqual(windowFrames(frameIndices[i]!, 4, 100));
        if (frameIndices[i] !== sorted[i]) swaps++;
      }
    }
    // A swap moves two segments.
    expect(Math.abs(swaps / 2 / (400 * 8) - 0.05)).toBeLessThan(0.01);
    for (const { frameIndices } of plans({ shuffle: 1 }, AVAILABLE, { ...WANTED, frames: 4 })) {
      expect(frameIndices).toEqual(windowFrames(frameIndices[0]!, 4, 100));
    }
  });

  it('runs faster and slower, and flow grows with the speed', () => {
    const drawn = plans({ speed: [0.8, 1.25], brightness: 0.2 }, AVAILABLE, { ...WANTED, stream: 'flow' });
    const spans = drawn.map(({ frameIndices }) => frameIndices.at(-1)! - frameIndices[0]!);
    expect(span(spans)).toEqual([25, 39]);
    for (const { frameIndices, geometry } of drawn) {
      expect(frameIndices.at(-1)! - frameIndices[0]!).toBe(Math.round(31 * (1 + geometry[5]!)));
      expect(geometry.slice(6)).toEqual([0, 0]);
    }
  });

  it('changes the colours of RGB', () => {
    const drawn = plans({ brightness: 0.2, contrast: 0.1, saturation: 0.3 });
    for (const [i, reach] of [0.2, 0.1, 0.3].entries()) {
      const [low, high] = span(drawn.map(({ geometry }) => geometry[5 + i]!));
      expect(low).toBeGreaterThanOrEqual(-reach);
      expect(low).toBeLessThan(-0.95 * reach);
      expect(high).toBeGreaterThan(0.95 * reach);
      expect(high).toBeLessThan(reach);
    }
  });

  it('says what does not fit', () => {
    const plan = (available: typeof AVAILABLE, wanted: Partial<typeof WANTED> = {}) =>
      planClip(new Random(1), DEFAULT_AUGMENTATION, available, { ...WANTED, ...wanted });
    expect(() => plan({ ...AVAILABLE, height: 60 })).toThrow(
      'Frames of 85×60 pixels are smaller than the short side of 64.',
    );
    expect(() => plan({ ...AVAILABLE, frames: 0 })).toThrow('A clip without frames cannot be shown.');
    expect(() => plan(AVAILABLE, { size: 65 as 56 })).toThrow(
      'A crop of 65 pixels does not fit into a short side of 64.',
    );
  });
});

describe('evaluation', () => {
  it('takes the crop that recognition takes', () => {
    for (const [width, height, size, shortSide] of [
      [85, 64, 56, 64],
      [64, 64, 56, 64],
      [65, 64, 57, 64],
      [64, 91, 55, 64],
      [340, 256, 224, 256],
    ] as const) {
      const { crop } = preprocessGeometry(height, width, { shortSide, crop: size });
      const square = centreSquare(size, shortSide, { width, height });
      const [top, left] = centreGeometry(size, shortSide) as [number, number];
      expect([square.top + top, square.left + left]).toEqual([crop.top, crop.left]);
      expect(square.left).toBeGreaterThanOrEqual(0);
      expect(square.left + shortSide).toBeLessThanOrEqual(width);
    }
  });

  it('places windows uniformly', () => {
    expect(windowStarts(100, 32, 3)).toEqual([0, 34, 68]);
    expect(windowStarts(100, 32, 1)).toEqual([34]);
    expect(windowStarts(32, 32, 3)).toEqual([0]);
    expect(windowStarts(5, 32, 3)).toEqual([0]);
    expect(windowFrames(3, 6, 4)).toEqual([3, 0, 1, 2, 3, 0]);
  });
});

describe('checkAugmentation', () => {
  it('takes what is built in and refuses what makes no sense', () => {
    checkAugmentation(DEFAULT_AUGMENTATION);
    checkAugmentation(NO_AUGMENTATION);
    const check = (options: Partial<AugmentationOptions>) => () =>
      checkAugmentation({ ...DEFAULT_AUGMENTATION, ...options });
    expect(check({ scale: [1.2, 0.8] })).toThrow('The augmentation scale must be two numbers from 0.25 to 4');
    expect(check({ speed: [0, 1] })).toThrow('The augmentation speed');
    expect(check({ jitter: 1.5 })).toThrow(
      'The augmentation jitter must be a whole number of frames such as 3, not 1.5.',
    );
    expect(check({ shuffle: 2 })).toThrow('The augmentation shuffle must be a number from 0 to 1, not 2.');
  });
});
