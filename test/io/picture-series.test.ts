import { describe, expect, it } from 'vitest';
import { selectSeries } from '../../src/io/picture-series.ts';

const never = async (): Promise<boolean> => {
  throw new Error('must not be asked');
};
const inColour = async (): Promise<boolean> => false;

/** In the reverse order, so that none is right by chance. */
const select = (names: readonly string[], isGrey: (name: string) => Promise<boolean> = never) =>
  selectSeries([...names].reverse(), isGrey);

const range = (count: number, first = 0): number[] => Array.from({ length: count }, (_, i) => first + i);
const padded = (n: number, width = 5): string => String(n).padStart(width, '0');

/** All names, in this order, without a word. */
async function expectAll(names: readonly string[]): Promise<void> {
  expect(await select(names)).toEqual({ names, remarks: [] });
}

describe('one series', () => {
  it.each<[string, string[]]>([
    ['numbers without zeros', ['f1.PNG', 'f2.png', 'f10.png', 'f11.jpg']],
    ['zeros before some', ['f1.png', 'f02.png', 'f003.png', 'f10.png']],
    ['mixed endings and letters', ['F_1.JPG', 'f_2.jpeg', 'f_3.png', 'F_4.WebP']],
    ['no numbers', ['a.jpg', 'b.jpg', 'C.jpg']],
    ['the number first', ['1_x.png', '2_x.png', '10_x.png']],
    ['a number that stands still after it', range(16, 1).map((i) => `frame${i}_480p.png`)],
    ['numbers that stand still on both sides', range(12, 1).map((i) => `cam3_f${i}_v2.png`)],
    ['seconds with a fraction', range(40).map((i) => `${(1305031102.175304 + i / 30).toFixed(6)}.png`)],
    ['two decimals', ['9.96.png', '12.04.png', '12.50.png', '12.96.png', '13.00.png']],
    ['fractions of any length', ['0.0.png', '0.04.png', '0.08.png', '0.1.png', '0.12.png', '0.2.png', '1.0.png']],
    ['whole seconds among fractions', ['0.png', '0.04.png', '0.5.png', '1.png', '1.04.png', '10.png']],
    ['seconds and nanoseconds without zeros', ['7.9000000.png', '7.42000000.png', '7.900000000.png', '8.5000000.png']],
    ['counters with a dot', range(12, 1).map((i) => `2.${i}.png`)],
    ['counters that outgrow their zeros', ['1.08.png', '1.98.png', '1.99.png', '1.100.png', '1.101.png']],
    ['versions', ['a1.2.3.png', 'a1.2.4.png', 'a1.2.10.png']],
    ['nanoseconds', ['1305031102175304000.png', '1305031102175304001.png', '11305031102175304000.png']],
    ['a time beside the number', ['f1_t0.9.png', 'f2_t1.0.png', 'f3_t1.png', 'f10_t2.png']],
    ['a delay beside the number', ['frame_00_delay-0.1s.gif', 'frame_01_delay-0.1s.gif', 'frame_02_delay-0.11s.gif']],
    ['a date and a time', ['IMG_20240101_235958.jpg', 'IMG_20240101_235959.jpg', 'IMG_20240102_000000.jpg']],
    ['minutes and seconds', range(200, 50).map((i) => `${padded(Math.floor(i / 60), 2)}-${padded(i % 60, 2)}.png`)],
    [
      'seconds and milliseconds',
      range(90).map((i) => `t${padded(Math.floor(i / 25), 2)}_${padded((i % 25) * 40, 3)}.png`),
    ],
    ['timecodes', range(70).map((i) => `00-01-${50 + Math.floor(i / 25)}-${padded(i % 25, 2)}.png`)],
    ['scenes that are numbered on', range(20).map((i) => `scene${1 + Math.floor(i / 10)}_${padded(i)}.png`)],
  ])('%s', (_, names) => expectAll(names));
});

describe('several series', () => {
  const rgb = range(10, 1).map((i) => `rgb_${padded(i)}.jpg`);
  const flow = ['flow_x', 'flow_y'].flatMap((name) => range(9, 1).map((i) => `${name}_${padded(i)}.jpg`));

  it('gives the longest, and says what it leaves', async () => {
    expect(await select(['cover.jpg', ...rgb])).toEqual({
      names: rgb,
      remarks: ['of its 11 pictures the clip has 10, rgb_00001.jpg to rgb_00010.jpg; not taken: cover.jpg'],
    });
    const { names, remarks } = await select([...rgb, ...flow]);
    expect(names).toEqual(rgb);
    expect(remarks).toEqual([
      expect.stringMatching(/not taken: 9, flow_x_00001\.jpg to flow_x_00009\.jpg; 9, flow_y_/),
    ]);
  });

  it.each(['flow_', 'flow_x_', 'flowX', 'x_', 'depth', 'mask-', 'thumb', 'frame_mask_'])(
    'takes pictures rather than what goes along with them, even if more of it: %s',
    async (name) => {
      const others = range(30, 1).map((i) => `${name}${padded(i)}.jpg`);
      expect((await select([...rgb, ...others])).names).toEqual(rgb);
      // Alone, they are the clip.
      await expectAll(others);
      expect((await select([...others, 'cover.jpg'])).names).toEqual(others);
    },
  );

  it('takes the first in colour of equally long ones', async () => {
    const both = ['ir', 'rgb'].flatMap((name) => range(3, 1).map((i) => `${name}_${i}.png`));
    const grey = async (name: string): Promise<boolean> => name.startsWith('ir');
    expect((await select(both, grey)).names).toEqual(['rgb_1.png', 'rgb_2.png', 'rgb_3.png']);
    expect((await select(both, async () => true)).names[0]).toBe('ir_1.png');
  });

  it('takes one camera, or one size, of several', async () => {
    const cameras = [1, 2].flatMap((camera) => range(20, 1).map((i) => `cam${camera}_${padded(i)}.png`));
    const { names, remarks } = await select(cameras, inColour);
    expect(names).toEqual(cameras.slice(0, 20));
    expect(remarks).toEqual([expect.stringContaining('not taken: 20, cam2_00001.png to cam2_00020.png')]);
    const sizes = range(12, 1).flatMap((i) => [480, 720].map((size) => `frame${i}_${size}p.png`));
    expect((await select(sizes, inColour)).names).toEqual(range(12, 1).map((i) => `frame${i}_480p.png`));
  });

  it('takes one ending where names come with two', async () => {
    const frames = range(5, 1).map((i) => `${padded(i)}.jpg`);
    const masks = range(3, 1).map((i) => `${padded(i)}.png`);
    expect(await select([...frames, ...masks])).toEqual({
      names: frames,
      remarks: [expect.stringContaining('not taken: 3, 00001.png to 00003.png')],
    });
  });

  it('takes everything, in order, where names form no series', async () => {
    const names = ['3f2a9c.png', '3fa91b7.png', '9bc01.png', 'a1b2c3d4.png', 'dog.png', 'e17f.png'];
    const { names: chosen, remarks } = await select(names);
    expect([...chosen].sort()).toEqual(names);
    expect(remarks).toEqual([expect.stringContaining('the names of its 6 pictures form no series')]);
  });

  it('counts what it does not name', async () => {
    const many = ['a', 'b', 'c', 'd', 'e', 'f'].flatMap((name) => range(8, 1).map((i) => `${name}_${i}.png`));
    const { remarks } = await select(many, inColour);
    expect(remarks).toEqual([expect.stringMatching(/not taken: 8, b_1\.png to b_8\.png; 8, c_.*; 8, d_.*; 16 more$/)]);
  });
});

describe('gaps', () => {
  const jumps = /^its numbers jump from (\S+) to (\S+)(?: and (\d+) more times?)?, as if pictures were missing$/;
  const named = (numbers: number[]): string[] => numbers.map((i) => `f${padded(i)}.png`);

  it('are told, and nothing is left out', async () => {
    const one = named([...range(10, 1), ...range(9, 12)]);
    const { names, remarks } = await select(one);
    expect(names).toEqual(one);
    expect(jumps.exec(remarks[0]!)?.slice(1)).toEqual(['f00010.png', 'f00012.png', undefined]);
    const two = await select(named(range(30).map((i) => 5 * (i + Math.floor(i / 12)))));
    expect(jumps.exec(two.remarks[0]!)?.slice(1)).toEqual(['f00055.png', 'f00065.png', '1']);
  });

  it('are no steps, and no times', async () => {
    await expectAll(named(range(20).map((i) => 5 * i)));
    await expectAll(range(20).map((i) => `${1305031102175 + Math.round(i * 33.4)}.png`));
  });
});
