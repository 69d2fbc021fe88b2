/** @file Files as cameras, recorders and phones write them: fields, gamuts, pauses, rates, and streams without a container. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { damageOf } from '../../src/io/damage.ts';
import type { Ffmpeg } from '../../src/io/ffmpeg.ts';
import { type ClipOptions, openClip } from '../../src/io/video.ts';
import { testFolder } from '../folder.ts';
import { canEncode, flat, type Track, writeMedia } from './media.ts';

const folder = testFolder('oddities-');

const WIDTH = 64;
const HEIGHT = 48;

/** Frame `i` tells its number by its grey level. */
const numbered = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => flat(WIDTH, HEIGHT, 40 + 15 * i, 40 + 15 * i, 40 + 15 * i));

async function make(name: string, format: string, track: Partial<Track> & Pick<Track, 'codec'>): Promise<string> {
  const path = join(folder, name);
  await writeMedia(path, format, [{ width: WIDTH, height: HEIGHT, frames: numbered(12), ...track }]);
  return path;
}

/** Which of the numbered frames a clip shows. */
async function shown(path: string, options: ClipOptions = {}): Promise<number[]> {
  const { frames, height, width } = await openClip(path, options);
  const size = height * width * 3;
  return Array.from({ length: frames.shape[0] ?? 0 }, (_, k) =>
    Math.abs(Math.round(((frames.data[k * size] ?? 0) - 40) / 15)),
  );
}

const counted = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('interlaced pictures', () => {
  const mark: Pick<Track, 'picture'> = {
    picture: (frame, av) => frame.setFlags(av.AV_FRAME_FLAG_INTERLACED, av.AV_FRAME_FLAG_TOP_FIELD_FIRST),
  };

  it('keep their fields woven, as stored', async () => {
    // Every other line is from another moment.
    const woven = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) =>
      Math.floor(i / (WIDTH * 3)) % 2 ? 200 : 20,
    );
    const path = await make('woven.mkv', 'matroska', {
      codec: 'ffv1',
      frames: [woven, woven],
      pixelFormat: (av) => av.AV_PIX_FMT_BGR0,
      options: { field_order: 'tt' },
      ...mark,
    });
    const clip = await openClip(path);
    expect(clip).toMatchObject({ width: WIDTH, height: HEIGHT, warnings: [] });
    expect(Buffer.compare(clip.frames.data.subarray(0, woven.length), woven)).toBe(0);
    // The chroma of neighbouring lines is taken together where the size changes, too.
    expect((await openClip(path, { maxShortSide: 24 })).frames.shape).toEqual([2, 24, 32, 3]);
  });

  it.each([
    ['mpeg2video', 'mpg', 'mpeg', { flags: '+ilme+ildct' }],
    ['libx264', 'mp4', 'mp4', { flags: '+ilme+ildct', bf: '0' }],
  ])('are read from %s', async (codec, extension, format, options) => {
    if (!(await canEncode(codec))) return;
    const path = await make(`fields.${extension}`, format, { codec, options, ...mark });
    expect(await shown(path)).toEqual(counted(12));
  });

  it('are read from DV and from Adam7 PNG', async () => {
    const dv = await make('fields.dv', 'dv', {
      codec: 'dvvideo',
      width: 720,
      height: 576,
      frames: [flat(720, 576, 99, 99, 99)],
    });
    expect((await openClip(dv)).frames.shape).toEqual([1, 576, 720, 3]);
    const frames = numbered(1);
    const png = join(folder, 'adam7.png');
    const track = { codec: 'png', width: WIDTH, height: HEIGHT, frames, options: { flags: '+ildct' } };
    await writeMedia(png, 'image2', [track], { update: '1' });
    expect((await openClip(png)).frames.data).toEqual(frames[0]);
  });
});

describe('colours', () => {
  /** A grey-blue as coded, whatever the file says of its colours: Y′ 112, Cb 160, Cr 96 in limited range. */
  const coded = (
    label: (frame: Parameters<NonNullable<Track['picture']>>[0], av: Ffmpeg) => void,
  ): Pick<Track, 'picture'> => ({
    picture: (frame, av) => {
      const planes = frame.data ?? [];
      for (const [i, value] of [112, 160, 96].entries()) planes[i]?.fill(value);
      label(frame, av);
    },
  });

  async function pixel(name: string, set: (what: ColourSetter, av: Ffmpeg) => void): Promise<number[]> {
    const path = await make(name, 'matroska', {
      codec: 'ffv1',
      frames: [flat(WIDTH, HEIGHT, 0, 0, 0)],
      encoder: set,
      ...coded(set),
    });
    const clip = await openClip(path);
    return [...clip.frames.data.subarray(0, 3)];
  }
  type ColourSetter = {
    colorPrimaries: number;
    colorTrc: number;
    colorSpace: number;
    colorRange: number;
  };

  it('go by matrix and range alone, never by primaries or transfer', async () => {
    const bt709 = await pixel('709.mkv', (what, av) => {
      what.colorSpace = av.AVCOL_SPC_BT709;
    });
    // By the definition of BT.709; FFmpeg's scaler rounds along the way.
    for (const [i, value] of [54.4, 122.1, 179.3].entries()) expect(Math.abs((bt709[i] ?? 0) - value)).toBeLessThan(2);
    const p3 = await pixel('p3.mkv', (what, av) => {
      what.colorSpace = av.AVCOL_SPC_BT709;
      what.colorPrimaries = av.AVCOL_PRI_SMPTE432;
    });
    expect(p3).toEqual(bt709);
    const pq = await pixel('pq.mkv', (what, av) => {
      what.colorSpace = av.AVCOL_SPC_BT2020_NCL;
      what.colorPrimaries = av.AVCOL_PRI_BT2020;
      what.colorTrc = av.AVCOL_TRC_SMPTE2084;
    });
    const bt2020 = await pixel('2020.mkv', (what, av) => {
      what.colorSpace = av.AVCOL_SPC_BT2020_NCL;
    });
    expect(pq).toEqual(bt2020);
    expect(bt2020).not.toEqual(bt709);
  });

  it('of another kind than luma and two differences are read as BT.601, and that is said', async () => {
    const set = (what: ColourSetter, av: Ffmpeg): void => {
      what.colorSpace = av.AVCOL_SPC_YCGCO;
    };
    const path = await make('ycgco.mkv', 'matroska', {
      codec: 'ffv1',
      frames: numbered(1),
      encoder: set,
      picture: set,
    });
    const { warnings } = await openClip(path);
    expect(warnings.join()).toContain('its colours are coded as YCgCo but read as BT.601, so they are off.');
    expect(damageOf(warnings, true)).toBeUndefined();
  });

  it('with values that no standard defines are read as unknown', async () => {
    const unknown = await pixel('unknown.mkv', () => {});
    // Such primaries made FFmpeg's scaler crash, such matrices and ranges made it refuse.
    for (const value of [3, 14, 20]) {
      const odd = await pixel(`odd${value}.mkv`, (what) => {
        what.colorPrimaries = value;
        what.colorTrc = 3;
        what.colorSpace = 3;
      });
      expect(odd).toEqual(unknown);
    }
  });
});

describe('streams without a container', () => {
  it.each([
    ['mjpeg', 'mjpeg', 'mjpeg'],
    ['png', 'pngs', 'image2pipe'],
    ['bmp', 'bmps', 'image2pipe'],
    ['libwebp', 'webps', 'image2pipe'],
    ['mpeg2video', 'm2v', 'mpeg2video'],
    ['libx264', 'h264', 'h264'],
    ['libvpx-vp9', 'ivf', 'ivf'],
  ])('of %s give all their frames', async (codec, extension, format) => {
    if (!(await canEncode(codec))) return;
    const path = await make(`bare.${extension}`, format, { codec, fps: 25 });
    expect(await shown(path)).toEqual(counted(12));
    expect(await shown(path, { fps: 'native', start: 2, frames: 3 })).toEqual([2, 3, 4]);
    expect(await openClip(path)).toMatchObject({ kind: 'video', sourceFps: 25, warnings: [] });
  });

  it('have the rate that is coded in them', async () => {
    const path = await make('thirty.m2v', 'mpeg2video', { codec: 'mpeg2video', fps: 30 });
    const clip = await openClip(path, { fps: 'native' });
    expect(clip.sourceFps).toBe(30);
    expect(clip.timestamps[11]).toBeCloseTo(11 / 30, 6);
  });
});

describe('the clock', () => {
  it('shows the picture of a pause until the next one comes, and the last one as long as it lasts', async () => {
    const paused = { codec: 'mpeg4', frames: numbered(4), fps: 1, stamps: [0, 1, 90, 200], lastDuration: 70 };
    const expected = [...Array(1).fill(0), ...Array(89).fill(1), ...Array(110).fill(2), ...Array(70).fill(3)];
    for (const [extension, format] of [
      ['mkv', 'matroska'],
      ['mp4', 'mp4'],
    ] as const) {
      const path = await make(`pause.${extension}`, format, paused);
      expect(await shown(path, { fps: 1 }), extension).toEqual(expected);
      expect((await openClip(path, { fps: 'native' })).warnings, extension).toEqual([]);
    }
  });

  it.each(['mp4', 'mov', 'matroska', 'nut', 'yuv4mpegpipe'])(
    'of %s may run at 1200 frames per second',
    async (format) => {
      const path = await make(`fast.${format}`, format, {
        codec: format === 'yuv4mpegpipe' ? 'rawvideo' : 'mpeg4',
        fps: 1200,
      });
      const clip = await openClip(path, { fps: 'native' });
      // Matroska's clock has milliseconds.
      expect(Math.abs(clip.fps / 1200 - 1)).toBeLessThan(format === 'matroska' ? 0.25 : 1e-6);
      expect(clip.frames.shape[0]).toBe(12);
    },
  );

  it('does not end early where another stream goes on', async () => {
    const path = join(folder, 'longer.mkv');
    const track = (count: number): Track => ({ width: WIDTH, height: HEIGHT, frames: numbered(count), codec: 'mpeg4' });
    await writeMedia(path, 'matroska', [track(6), track(14)]);
    const clip = await openClip(path, { stream: 0 });
    expect(clip.frames.shape[0]).toBe(6);
    expect(clip.warnings).toEqual([]);
  });

  it('is measured where a file does not say its rate', async () => {
    const path = await make('unsaid.mkv', 'matroska', {
      codec: 'mpeg4',
      fps: 40,
      stream: (stream, av) => {
        stream.avgFrameRate = new av.Rational(0, 1);
        stream.codecpar.frameRate = new av.Rational(0, 1);
      },
    });
    expect((await openClip(path, { fps: 'native' })).fps).toBeCloseTo(40, 6);
  });
});

describe('which stream of a file', () => {
  const grey = (count: number, width = WIDTH, height = HEIGHT): Partial<Track> & { width: number; height: number } => ({
    width,
    height,
    frames: Array.from({ length: count }, (_, i) => flat(width, height, 128, 128, 3 * (i % 40))),
  });
  const mean = async (path: string): Promise<number> => {
    const { data } = (await openClip(path)).frames;
    return data.reduce((sum, value) => sum + value, 0) / data.length;
  };

  it('is the one with moving pictures, not one with a still of better quality', async () => {
    const cover = {
      width: 128,
      height: 128,
      frames: [flat(128, 128, 9, 9, 9)],
      codec: 'mjpeg',
      options: { qmin: '1' },
    };
    const clip = { width: WIDTH, height: HEIGHT, frames: numbered(12), codec: 'mpeg4' };
    for (const [extension, format] of [
      ['mp4', 'mp4'],
      ['mov', 'mov'],
      ['mkv', 'matroska'],
      ['avi', 'avi'],
    ] as const) {
      const path = join(folder, `cover.${extension}`);
      await writeMedia(path, format, [cover, clip]);
      expect(await shown(path, { fps: 'native' }), extension).toEqual(counted(12));
      expect((await openClip(path, { stream: 0 })).width, extension).toBe(128);
    }
  });

  it('is the one with colours, not its alpha plane', async () => {
    const path = join(folder, 'alpha.mp4');
    const colour = { width: WIDTH, height: HEIGHT, frames: numbered(12), codec: 'mpeg4', options: { qmin: '31' } };
    await writeMedia(path, 'mp4', [colour, { ...colour, ...grey(12), options: { qmin: '1', qmax: '1' } }]);
    const expected = await mean(path);
    const bytes = await readFile(path);
    for (const marked of [0, 1]) {
      // The handler of a track says what it is for.
      const handlers = [bytes.indexOf('hdlr'), bytes.lastIndexOf('hdlr', bytes.lastIndexOf('vide'))];
      const edited = Buffer.from(bytes);
      edited.write('auxv', (handlers[marked] ?? 0) + 12, 'latin1');
      const alpha = join(folder, `alpha${marked}.mp4`);
      await writeFile(alpha, edited);
      const other = (await openClip(alpha, { stream: 1 - marked })).frames.data;
      expect(Buffer.compare((await openClip(alpha)).frames.data, other)).toBe(0);
    }
    expect(expected).toBeGreaterThan(0);
  });

  it('counts a still picture in a video container as one picture', async () => {
    if (!(await canEncode('libsvtav1'))) return;
    const path = join(folder, 'still.avif');
    const track = { width: WIDTH, height: HEIGHT, frames: numbered(1), codec: 'libsvtav1' };
    await writeMedia(path, 'avif', [track]);
    expect((await openClip(path)).frames.shape).toEqual([1, HEIGHT, WIDTH, 3]);
    expect(await openClip(path)).toMatchObject({ kind: 'images' });
  });
});
