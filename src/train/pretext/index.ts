/** @file The tasks that `train --pretrain` knows; another one is a file and a line here. */

import { DIRECTION, PACE, SPEED } from './pace.ts';
import type { PretextTask } from './task.ts';

const TASKS: readonly PretextTask[] = [SPEED, DIRECTION, PACE];

export const DEFAULT_PRETEXT = SPEED.id;
export const PRETEXT_IDS: readonly string[] = TASKS.map(({ id }) => id);

/** By its id, which a configuration has been checked for. */
export const pretextTask = (id: string): PretextTask => TASKS.find((task) => task.id === id)!;
