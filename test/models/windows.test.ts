import { describe, expect, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { preprocessGeometry } from '../../src/models/frames.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { readingRate, type WindowRequest, type WindowRule, windows } from '../../src/models/windows.ts';

/** What I3D takes. */
const RULE = { size: 64, minimum: 9, name: 'I3D' };
const FRAMES = { shortSide: 256, crop: 224 };
const spans = (total: number, request?: WindowRequest, rule: WindowRule = RULE) =>
  windows(total, rule, request).map(({ start, frames }) => [start, frames]);

describe('windows', () => {
  test('cover the clip; the last one is aligned to the end', () => {
    expect(spans(79)).toEqual([
      [0, 64],
      [15, 64],
    ]);
    expect(spans(64)).toEqual([[0, 64]]);
    expect(spans(65)).toEqual([
      [0, 64],
      [1, 64],
    ]);
    expect(spans(200, { start: 10 })).toEqual([
      [10, 64],
      [74, 64],
      [136, 64],
    ]);
    expect(spans(40, {}, { size: 16 })).toEqual([
      [0, 16],
      [16, 16],
      [24, 16],
    ]);
  });

  test('a short clip is one shorter window', () => {
    expect(spans(9)).toEqual([[0, 9]]);
    expect(spans(30, { start: 12 })).toEqual([[12, 18]]);
  });

  test('one window where a number of frames is asked for', () => {
    expect(spans(79, { frames: 16 })).toEqual([[0, 16]]);
    expect(spans(79, { frames: 16, start: 63 })).toEqual([[63, 16]]);
  });

  test.each([
    [79, { frames: 0 }, 'at least 9, the shortest clip that I3D takes, not 0.'],
    [79, { frames: 3 }, 'not 3.'],
    [79, { frames: -16 }, 'not -16.'],
    [79, { frames: 16.5 }, 'not 16.5.'],
    [79, { frames: Number.NaN }, 'not NaN.'],
    [79, { start: -1 }, 'The first frame must be a whole number of at least 0, not -1.'],
    [79, { start: 0.5 }, 'not 0.5.'],
    [8, {}, 'I3D needs at least 9 frames, but the clip has 8 frames.'],
    [1, {}, 'the clip has 1 frame.'],
    [79, { start: 75 }, 'the clip has 79 frames, 4 of them from frame 75 on.'],
    [79, { start: 79 }, 'none of them from frame 79 on'],
    [79, { frames: 64, start: 20 }, 'A window of 64 frames was asked for, but the clip has 79 frames, 59 of them'],
    [10, { frames: 16 }, 'A window of 16 frames was asked for, but the clip has 10 frames.'],
  ])('of %i frames, %o: a clear error', (total, request, message) => {
    expect(() => windows(total, RULE, request)).toThrow(message);
  });
});

describe('preprocessGeometry', () => {
  test.each([
    [240, 320, { height: 256, width: 341 }, { top: 16, left: 58 }],
    [320, 240, { height: 341, width: 256 }, { top: 58, left: 16 }],
    [1080, 1920, { height: 256, width: 455 }, { top: 16, left: 115 }],
    [64, 64, { height: 256, width: 256 }, { top: 16, left: 16 }],
    [224, 320, { height: 256, width: 365 }, { top: 16, left: 70 }],
  ])('%i×%i: shorter side 256, middle 224', (height, width, resized, corner) => {
    expect(preprocessGeometry(height, width, FRAMES)).toEqual({
      resized,
      crop: { ...corner, height: 224, width: 224 },
      scale: 2 / 255,
      shift: -1,
    });
  });

  test('224×224 stays as it is', () => {
    expect(preprocessGeometry(224, 224, FRAMES)).toMatchObject({
      resized: { height: 224, width: 224 },
      crop: { top: 0, left: 0, height: 224, width: 224 },
    });
  });

  test('a crop that does not fit', () => {
    expect(() => preprocessGeometry(300, 300, { ...FRAMES, shortSide: 200 })).toThrow(
      'A crop of 224 pixels does not fit',
    );
  });
});

test('clips are read as often as a window of segments has frames, else at the rate of the spec', () => {
  const tsm = modelSpec({ architecture: MODELS.get('tsm-r50'), stream: 'rgb', classes: 5 });
  expect([readingRate(tsm), readingRate(tsm, 16)]).toEqual([{ segments: 8 }, { segments: 16 }]);
  expect(readingRate({ ...tsm, segments: false })).toBe(3.75);
  const flow = modelSpec({ architecture: MODELS.get('tsm-r50'), stream: 'flow', classes: 5 });
  expect(readingRate(flow)).toBe(3.75);
  expect(() => modelSpec({ ...tsm, stream: 'flow', channels: 2 })).toThrow(
    'segments must be false, since flow is computed between frames that follow each other; it is true.',
  );
});
