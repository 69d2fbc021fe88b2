/**
 * Which kernel is chosen for every layer of I3D on devices that nobody here has: what a change to the chooser does shows in the
 * text files beside this test. `npx vitest run test/ops/choices.test.ts -u` writes them anew; read the difference before it is
 * committed, and llvmpipe.txt twice: its results are pinned bit by bit.
 */

import { describe, expect, it } from 'vitest';
import { MADE_UP_DEVICES } from '../made_up_devices.ts';
import { choicesText } from './choices.ts';

const FRAMES = [16, 64];

describe.each(Object.entries(MADE_UP_DEVICES))('on %s', (name, profile) => {
  it('the choices for I3D are those of the file', async () => {
    const text = FRAMES.map((frames) => choicesText(profile, frames)).join('\n\n');
    await expect(`${text}\n`).toMatchFileSnapshot(`choices/${name}.txt`);
  });
});
