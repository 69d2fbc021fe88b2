/** @file Commands whose device is lost while they work. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Session, withSession } from '../../src/cli/session.ts';
import { recognise } from '../../src/cli/streams/recognise.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import { modelParameters } from '../../src/models/parameters.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { Stopwatches } from '../../src/recognition/stopwatches.ts';
import { clipCaches } from '../../src/train/data/clip_cache.ts';
import { parseConfig } from '../../src/train/run/config.ts';
import { runTraining } from '../../src/train/run/run.ts';
import { testFolder } from '../folder.ts';
import { formulaTensor } from '../graph/graphs.ts';
import { SILENT, TINY, writeClips } from '../train/clips.ts';

const folder = testFolder('i3d-session-');

const spec = modelSpec({
  architecture: INCEPTION_4,
  stream: 'rgb',
  classes: 3,
  width: 0.06,
  frames: 8,
  size: 32,
  shortSide: 32,
});
const parameters = new Map(
  [...modelParameters(spec)].map(([name, shape]) => {
    const tensor = formulaTensor(name, shape);
    return [name, { ...tensor, data: tensor.data.map((value) => (/variance/.test(name) ? 1 : value)) }] as const;
  }),
);
const windows = 5;
const size = 8 * 32 * 32 * 3;

/** Logits of a clip; `onWindow` is called before each of its windows is there. */
async function classified(session: Session, onWindow: (number: number) => Promise<void>): Promise<number[]> {
  const source = {
    width: 32,
    height: 32,
    fps: 25,
    expected: windows,
    async *windows() {
      for (let i = 0; i < windows; i++) {
        await onWindow(i);
        const data = new Uint8Array(size).map((_, k) => (k * (i + 3)) % 256);
        yield { start: 8 * i, frames: 8, clip: { dtype: 'u8' as const, shape: [8, 32, 32, 3], data } };
      }
    },
  };
  const labels = ['a', 'b', 'c'];
  const { logits } = await recognise(
    'clip',
    source,
    { rgb: { spec, parameters } },
    labels,
    { top: 1, models: new Map() },
    session,
  );
  return [...logits];
}

describe('a device that is lost', () => {
  let said: string;
  beforeEach(() => {
    said = '';
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said += text;
      return true;
    });
  });
  afterEach(() => void vi.restoreAllMocks());

  const lose = async (session: Session) => (await session.gpu()).device.destroy();

  test('is opened again once, and the work goes on with the window that it was lost at', async () => {
    const whole = await withSession({}, (session) => classified(session, async () => undefined));
    let asked = 0;
    const broken = await withSession({}, (session) =>
      classified(session, async (number) => {
        asked++;
        if (number === 2) await lose(session);
      }),
    );
    expect(broken).toEqual(whole);
    expect(asked).toBe(windows);
    expect(said).toMatch(/^i3d: The GPU device was lost: [^\n]+; it is opened again, and the work goes on\.\n$/);
  });

  test('a second time ends the command with a sentence', async () => {
    const run = withSession({}, (session) =>
      classified(session, async (number) => {
        if (number === 1 || number === 3) await lose(session);
      }),
    );
    await expect(run).rejects.toThrow(/^The GPU device was lost a second time: [^\n]+\.$/);
    expect(said.match(/opened again/g)).toHaveLength(1);
  });

  test('is no reason to lose a training run', async () => {
    const data = writeClips(join(folder, 'clips'));
    const trained = (name: string, onStep: (session: Session, step: number) => void) =>
      withSession({}, async (session) => {
        const out = join(folder, name);
        const stages = [{ name: 'all', trains: 'all', steps: 4, learningRate: 0.05 }];
        const config = parseConfig({ ...TINY, data, out, stages, saveEvery: 3600 }, 'tiny');
        const { result, metrics } = await runTraining({
          config,
          resume: false,
          caches: clipCaches({ folder: join(folder, 'cache'), gpu: session.gpu, ...SILENT }),
          gpu: session.gpu,
          observer: { ...SILENT, onStep: (_, { step }) => onStep(session, step) },
        });
        const lines = metrics.map(({ kind, step }) => `${kind} ${step}`);
        return { result, lines, weights: readFileSync(join(out, 'rgb.safetensors')) };
      });
    const whole = await trained('whole', () => undefined);
    let losses = 0;
    const broken = await trained('broken', (session, step) => void (step === 2 && losses++ === 0 && lose(session)));
    expect(said).toMatch(/opened again, and the work goes on/);
    expect(broken.weights.equals(whole.weights)).toBe(true);
    expect(broken).toEqual(whole);
    expect(broken.lines).toEqual(['step 1', 'step 2', 'step 3', 'step 4']);
  });
});

test('phases that overlap do not count twice', async () => {
  const watches = new Stopwatches();
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  await Promise.all([
    watches.time('decode', () => wait(40)),
    watches.time('decode', () => wait(60)),
    watches.time('run', () => wait(20)),
  ]);
  const { decode, run, flow, total } = watches.spent;
  expect(decode).toBeGreaterThan(0.05);
  expect(decode).toBeLessThanOrEqual(total);
  expect(run).toBeLessThan(decode);
  expect(flow).toBe(0);
});
