/**
 * @file How fast a clip runs, and which way: Wang, Jiao and Liu, "Self-supervised Video Representation Learning by Pace Prediction"
 * (ECCV 2020), and Wei, Lim, Zisserman and Freeman, "Learning and Using the Arrow of Time" (CVPR 2018). Speeds are whole numbers, so that
 * each frame that is shown is one of the clip's and their distances are all the same: no seam gives the answer away. Of a clip that is too
 * short for the fastest, nothing is shown at any speed: its length would tell the answer.
 */

import type { PretextTask } from './task.ts';

interface Pace {
  /** Frames from one that is shown to the next. */
  readonly speed: number;
  readonly backwards: boolean;
}

/** The window at the highest speed should fit into clips of two or three seconds. */
const SPEEDS = [1, 2, 3] as const;

function paceTask(id: string, title: string, speeds: readonly number[], ways: readonly boolean[]): PretextTask {
  const paces: Pace[] = ways.flatMap((backwards) => speeds.map((speed) => ({ speed, backwards })));
  const span = (speed: number, window: number): number => (window - 1) * speed + 1;
  return {
    id,
    title,
    classes: paces.map(({ speed, backwards }) => `${speed}×${backwards ? ' backwards' : ''}`),
    least: (window) => span(Math.max(...speeds), window),
    show(random, frames, window) {
      const target = random.fork('pace').integer(paces.length);
      const { speed, backwards } = paces[target]!;
      const first = random.fork('start').integer(frames - span(speed, window) + 1);
      const forwards = Array.from({ length: window }, (_, i) => first + i * speed);
      return {
        target,
        frameIndices: backwards ? forwards.reverse() : forwards,
        motion: backwards ? -speed : speed,
      };
    },
  };
}

export const SPEED = paceTask('speed', 'how fast a clip runs', SPEEDS, [false]);
export const DIRECTION = paceTask('direction', 'which way time runs', [1], [false, true]);
export const PACE = paceTask('pace', 'how fast and which way a clip runs', SPEEDS, [false, true]);
