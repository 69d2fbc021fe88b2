/** @file Generated actions as a set of clips. Node only. */

import { createHash } from 'node:crypto';
import { InputError } from '../../core/errors.ts';
import { ACTIONS, type ActionClipOptions, actionClip } from '../actions/index.ts';
import type { ClipSet, LabelledClip, Split } from './clip.ts';

interface GeneratedSetOptions extends Omit<ActionClipOptions, 'action' | 'seed'> {
  /** Training clips of each class. */
  readonly train: number;
  /** Test clips of each class; 0 where left out. */
  readonly test?: number;
  /** The first of the seeds, 0 where left out; clip i of each class has the seed that is i later. */
  readonly seed?: number;
}

/** Seeds from here on are for tests. */
export const FIRST_TEST_SEED = 1_000_000;

/**
 * Every action by as many actors. Test clips have seeds that no training clip has.
 * @throws InputError when the seeds leave the range of those for training.
 */
export function generatedClipSet({ train, test = 0, seed = 0, ...format }: GeneratedSetOptions): ClipSet {
  if (!(Number.isSafeInteger(seed) && seed >= 0 && seed + Math.max(train, test) <= FIRST_TEST_SEED)) {
    throw new InputError(
      `Generated clips have seeds from 0 to ${FIRST_TEST_SEED - 1}; ${Math.max(train, test)} from ${seed} on do not fit.`,
    );
  }
  const part = (split: Split, count: number, first: number): LabelledClip[] =>
    ACTIONS.flatMap((action, label) =>
      Array.from({ length: count }, (_, i) => {
        const options = { action, seed: first + i, ...format };
        // Other formats are other clips, also within one cache.
        const path = `generated ${JSON.stringify(options)}`;
        return {
          path,
          label,
          split,
          load: async () => actionClip(options),
          fingerprint: () => `${generatorFingerprint()} ${path}`,
        };
      }),
    );
  const clips = [...part('train', train, seed), ...part('test', test, FIRST_TEST_SEED + seed)];
  return { source: 'The generated actions', classes: ACTIONS, clips };
}

let known: string | undefined;

/** A hash of one short clip of each action: whoever changes how clips are drawn need not remember to change a version. */
function generatorFingerprint(): string {
  if (known === undefined) {
    const hash = createHash('sha256');
    for (const action of ACTIONS) hash.update(actionClip({ action, seed: 12345, frames: 4, size: 48, fps: 4 }).data);
    known = hash.digest('hex').slice(0, 16);
  }
  return known;
}
