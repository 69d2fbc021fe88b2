import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { raiseArms } from '../../src/train/actions/arm_actions.ts';
import { run, walk } from '../../src/train/actions/gait.ts';
import { ACTIONS, actionClip } from '../../src/train/actions/index.ts';
import { sitDown } from '../../src/train/actions/leg_actions.ts';
import { dot, heading, length, reach, subtract, turned, type Vec3 } from '../../src/train/actions/vector.ts';

const small = { frames: 6, size: 32 };

function backwards(data: Uint8Array, frames: number): number[] {
  const size = data.length / frames;
  return Array.from({ length: frames }, (_, i) => [
    ...data.subarray((frames - 1 - i) * size, (frames - i) * size),
  ]).flat();
}

describe('classes', () => {
  test('have names in alphabetical order', () => {
    expect(ACTIONS).toEqual([...ACTIONS].sort());
    expect(new Set(ACTIONS).size).toBe(ACTIONS.length);
    expect(ACTIONS.length).toBeGreaterThanOrEqual(12);
    for (const action of ACTIONS) expect(action).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  test.each([
    ['raise-arms', 'lower-arms'],
    ['sit-down', 'stand-up'],
  ])('%s has the frames of %s in reverse order', (one, other) => {
    const [a, b] = [one, other].map((action) => actionClip({ action, seed: 11, ...small }));
    expect([...a!.data]).toEqual(backwards(b!.data, small.frames));
    expect([...a!.data]).not.toEqual([...b!.data]);
  });
});

describe('clips', () => {
  test.each(ACTIONS)('%s is the same for the same seed and another for another', (action) => {
    const clip = actionClip({ action, seed: 3, ...small });
    expect(clip.dtype).toBe('u8');
    expect(clip.shape).toEqual([6, 32, 32, 3]);
    expect(actionClip({ action, seed: 3, ...small })).toEqual(clip);
    expect(actionClip({ action, seed: 1_000_003, ...small }).data).not.toEqual(clip.data);
  });

  test('have 24 frames of 64×64 unless asked otherwise, and something moves in them', () => {
    const { shape, data } = actionClip({ action: 'jumping-jack', seed: 5 });
    expect(shape).toEqual([24, 64, 64, 3]);
    const size = 64 * 64 * 3;
    let moved = 0;
    for (let i = 0; i < size; i++) if (Math.abs(data[i]! - data[6 * size + i]!) > 40) moved++;
    expect(moved).toBeGreaterThan(30);
  });

  test('show the same moments at another rate', () => {
    const pose = walk(1)(new Random(2), 2).motion;
    expect(pose(0.5)).toEqual(pose(0.5));
    const [slow, fast] = [12, 24].map((fps) => actionClip({ action: 'spin', seed: 4, size: 32, fps, frames: fps }));
    const size = 32 * 32 * 3;
    let difference = 0;
    for (let i = 0; i < size; i++) difference += Math.abs(slow!.data[6 * size + i]! - fast!.data[12 * size + i]!);
    // Apart from the sensor's noise.
    expect(difference / size).toBeLessThan(16);
  });

  test('refuse what cannot be made', () => {
    expect(() => actionClip({ action: 'fly', seed: 1 })).toThrow(/no action fly; there are bend, /);
    expect(() => actionClip({ action: 'bend', seed: 0.5 })).toThrow(/seed/);
    expect(() => actionClip({ action: 'bend', seed: 1, frames: 0 })).toThrow(/1 to 10000 frames, not 0/);
    expect(() => actionClip({ action: 'bend', seed: 1, size: 8 })).toThrow(/16 to 1024 pixels, not 8/);
    expect(() => actionClip({ action: 'bend', seed: 1, fps: 0 })).toThrow(/frames per second, not 0/);
  });
});

describe('motion', () => {
  test('goes where its name says', () => {
    for (let seed = 0; seed < 20; seed++) {
      for (const gait of [walk, run]) {
        const [right, left] = [gait(1)(new Random(seed), 2), gait(-1)(new Random(seed), 2)];
        expect(right.motion(1).place[0]).toBeGreaterThan(0.3);
        expect(left.motion(1).place[0]).toBeLessThan(-0.3);
        expect(Math.sin(right.motion(1).heading)).toBeGreaterThan(0.5);
        expect(Math.sin(left.motion(1).heading)).toBeLessThan(-0.5);
      }
    }
  });

  test('is over within the middle 16 of 24 frames where it is done once', () => {
    for (let seed = 0; seed < 40; seed++) {
      const sit = sitDown(new Random(seed), 1.92).motion;
      expect(sit(0.08 * 4).hips[1]).toBeGreaterThan(-0.1);
      expect(sit(0.08 * 20).hips[1]).toBeLessThan(-0.12);
      const raise = raiseArms(new Random(seed), 1.92).motion;
      const height = (t: number): number => {
        const [arm] = raise(t).arms;
        return 'upper' in arm ? arm.upper[1] : Number.NaN;
      };
      expect(height(0)).toBeLessThan(-0.9);
      expect(height(1.92)).toBeGreaterThan(0.7);
    }
  });
});

describe('geometry', () => {
  test('frames stay orthonormal', () => {
    const { left, up, forward } = turned(heading(0.7), 0.3, 1.1, -0.4);
    for (const axis of [left, up, forward]) expect(length(axis)).toBeCloseTo(1, 12);
    expect(dot(left, up)).toBeCloseTo(0, 12);
    expect(dot(left, forward)).toBeCloseTo(0, 12);
    expect(dot(up, forward)).toBeCloseTo(0, 12);
    // To its left, forwards.
    expect(turned(heading(0), 0.3, 0, 0).forward[0]).toBeGreaterThan(0);
    expect(turned(heading(0), 0, 0.3, 0).up[2]).toBeGreaterThan(0);
    expect(turned(heading(0), 0, 0, 0.3).up[0]).toBeGreaterThan(0);
  });

  test('two bones keep their lengths and bend to the side they are told', () => {
    const root: Vec3 = [0, 1, 0];
    for (const target of [
      [0.1, 0.7, 0.1],
      [2, 2, 2],
      [0, 0.99, 0],
    ] as const) {
      const { joint, end } = reach(root, target, 0.2, 0.15, [0, 0, 1]);
      expect(length(subtract(joint, root))).toBeCloseTo(0.2, 6);
      expect(length(subtract(end, joint))).toBeCloseTo(0.15, 6);
    }
    const { joint, end } = reach(root, [0, 0.7, 0], 0.2, 0.15, [0, 0, 1]);
    expect(joint[2]).toBeGreaterThan(0.05);
    expect(length(subtract(end, [0, 0.7, 0]))).toBeCloseTo(0, 6);
  });
});
