/**
 * Which kernel is chosen for every layer of I3D on devices that nobody here has: what a change to the chooser does shows in the
 * text files beside this test. `npx vitest run test/ops/choices.test.ts -u` writes them anew; read the difference before it is
 * committed, and llvmpipe.txt twice: its results are pinned bit by bit.
 */

import { describe, expect, it } from 'vitest';
import { ACCURACIES } from '../../src/core/kernel.ts';
import type { Work } from '../../src/kernels/shared/work.ts';
import { deviceRates } from '../../src/ops/device_rates.ts';
import { estimate } from '../../src/ops/estimate.ts';
import type { Candidate } from '../../src/ops/operator.ts';
import { MADE_UP_DEVICES } from '../made_up_devices.ts';
import { choicesText, i3dChoices, type LayerChoice } from './choices.ts';

const FRAMES = [16, 64];

/** The dispatch with the most products. */
const mainWork = ({ work }: Candidate): Work => work!.reduce((a, b) => (b.flops > a.flops ? b : a));
const threadsOf = ({ workgroups, threads }: Work): number => workgroups * threads;
/** Those with tiles, which convolutions are; the plain kernel, which is the last resort, is none. */
const tiled = (candidates: readonly Candidate[]): Work[] =>
  candidates.map(mainWork).filter(({ used, arithmetic }) => used !== undefined && arithmetic !== 'plain');

const convolutions = (layers: readonly LayerChoice[]) =>
  layers.flatMap(({ layer, count, candidates }) => {
    const [chosen] = candidates as [Candidate, ...Candidate[]];
    return tiled([chosen]).map((work) => ({ layer, count, chosen, name: chosen.name, work, all: tiled(candidates) }));
  });

const gpus = Object.entries(MADE_UP_DEVICES).filter(([, { software }]) => !software);
const cases = gpus.flatMap(([name, profile]) =>
  FRAMES.flatMap((frames) => ACCURACIES.map((accuracy) => ({ name, profile, frames, accuracy }))),
);

describe.each(Object.entries(MADE_UP_DEVICES))('on %s', (name, profile) => {
  it('the choices for I3D are those of the file', async () => {
    const texts = await Promise.all(FRAMES.map((frames) => choicesText(profile, frames)));
    await expect(`${texts.join('\n\n')}\n`).toMatchFileSnapshot(`choices/${name}.txt`);
  });
});

describe.each(cases)('on $name, $frames frames, class $accuracy', async ({ profile, frames, accuracy }) => {
  const rates = deviceRates(profile);
  const { filled } = rates;
  const layers = convolutions(await i3dChoices(profile, frames, accuracy));

  it('no layer wastes half of its tile where another tile fits', () => {
    for (const { layer, name, work, all } of layers) {
      if (work.used! < 0.5) {
        expect(Math.max(...all.map(({ used }) => used!)), `${layer} by ${name}`).toBeLessThan(0.5);
      }
    }
  });

  it('a layer that does not fill a quarter of the device has hardly any other way to fill more of it', () => {
    for (const { layer, chosen, name, work, all } of layers) {
      if (threadsOf(work) >= filled / 4) continue;
      // Parts of K take a second dispatch, which is as much as they save where all takes as long as a few of them.
      if (estimate(chosen, rates) < 4 * rates.dispatch) continue;
      const same = all.filter(({ arithmetic }) => arithmetic === work.arithmetic);
      expect(Math.max(...same.map(threadsOf)), `${layer} by ${name}`).toBeLessThanOrEqual(4 * threadsOf(work));
    }
  });
});

it('four warps for each multiprocessor of a large GPU: all but the logits at 16 frames, for two branches share a dispatch', async () => {
  const profile = MADE_UP_DEVICES.h100!;
  const layers = convolutions(await i3dChoices(profile, 16, 'exact'));
  const few = layers.filter(({ work }) => threadsOf(work) < deviceRates(profile).filled / 4);
  const count = (of: typeof layers) => of.reduce((sum, layer) => sum + layer.count, 0);
  // 40 convolutions.
  expect(count(layers)).toBe(40 - 2 * 9);
  expect(count(few)).toBeLessThanOrEqual(1);
});

it.each(['h100', 'rtx-4060', 'intel-xe'])('matrix units take nearly all products in class half on %s', async (name) => {
  for (const frames of FRAMES) {
    const layers = convolutions(await i3dChoices(MADE_UP_DEVICES[name]!, frames, 'half'));
    const flops = (of: typeof layers) => of.reduce((sum, { count, work }) => sum + count * work.flops * work.used!, 0);
    const theirs = layers.filter(({ work }) => work.arithmetic === 'matrixHalf');
    expect(flops(theirs) / flops(layers)).toBeGreaterThan(0.9);
  }
});
