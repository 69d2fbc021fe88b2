import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openClip } from '../../src/io/video.ts';
import { HANG } from '../limits.ts';
import { program } from '../program.ts';
import { describeWithShared } from '../shared.ts';

describeWithShared('real clips', ['clips', 'golden/rgb_frames_u8.npy'], (clips, golden) => {
  // Frames at 25 Hz (all of them for GIFs and folders), frames in the file, height, width, rate of the file.
  it.each([
    ['abseiling_k400.mp4', 'video', 250, 250, 256, 454, 25],
    ['av1_video.mkv', 'video', 125, 125, 360, 640, 25],
    ['cricket_flow.gif', 'gif', 79, 79, 224, 224, 25],
    ['cricket_rgb.gif', 'gif', 79, 79, 224, 224, 25],
    ['demo.mp4', 'video', 250, 280, 256, 340, 28],
    ['demo_vp9.webm', 'video', 50, 56, 256, 340, 28],
    ['flipping_a_pancake.mkv', 'video', 258, 310, 240, 426, 30],
    ['frames', 'images', 10, 10, 240, 320, 25],
    ['h265_10bits.mp4', 'video', 25, 30, 200, 200, 30],
    ['nasa_13013.mp4', 'video', 325, 390, 270, 480, 30000 / 1001],
    ['test.avi', 'video', 164, 164, 240, 320, 25],
    // Stored lying: 568×320.
    ['video_90.mov', 'video', 3, 3, 568, 320, 30],
  ] as const)('%s', async (name, kind, resampled, native, height, width, rate) => {
    const clip = await openClip(join(clips, name));
    const passedOver = /of its 20 pictures the clip has 10, .* not taken: 5, x_00001\.jpg to x_00005\.jpg; 5, y_/;
    const warnings = name === 'frames' ? [expect.stringMatching(passedOver)] : [];
    expect(clip).toMatchObject({ kind, fps: 25, warnings });
    expect(clip.sourceFps).toBeCloseTo(rate, 6);
    expect(clip.frames.shape).toEqual([resampled, height, width, 3]);
    expect(clip.frames.data).toHaveLength(resampled * height * width * 3);
    expect(clip.timestamps).toHaveLength(resampled);
    expect(clip.timestamps[resampled - 1]).toBeCloseTo((resampled - 1) / 25, 9);
    const whole = await openClip(join(clips, name), { fps: 'native', maxShortSide: 16 });
    expect(whole.frames.shape[0]).toBe(native);
  });

  it('shows the exact frames of the sample GIF', async () => {
    const reference = await openClip(golden);
    const clip = await openClip(join(clips, 'cricket_rgb.gif'), { frames: 33 });
    expect(clip.frames.shape).toEqual(reference.frames.shape);
    expect(Buffer.compare(clip.frames.data, reference.frames.data)).toBe(0);
  });

  it.each([0, 5])('shows frame %i of a chosen stream as reference decoders do', async (index) => {
    const reference = await readFile(join(clips, `nasa_13013.stream3.frame00000${index}.hwc_u8.bin`));
    const clip = await openClip(join(clips, 'nasa_13013.mp4'), { fps: 'native', start: index, frames: 1, stream: 3 });
    expect(clip.frames.shape).toEqual([1, 270, 480, 3]);
    let difference = 0;
    for (const [i, value] of clip.frames.data.entries()) difference += Math.abs(value - (reference[i] ?? 0));
    // Zero here; other builds of FFmpeg may round otherwise.
    expect(difference / reference.length).toBeLessThan(1);
  });

  it('chooses streams by their index and says which there are', async () => {
    const path = join(clips, 'nasa_13013.mp4');
    expect((await openClip(path, { stream: 0, frames: 2 })).frames.shape).toEqual([2, 180, 320, 3]);
    await expect(openClip(path, { stream: 1 })).rejects.toThrow('has no video stream 1; its video streams are 0, 3.');
  });

  it('takes the colour images of a folder that also holds flow', async () => {
    const clip = await openClip(join(clips, 'frames'));
    const alone = await openClip(join(clips, 'frames', 'img_00010.jpg'));
    expect(Buffer.compare(clip.frames.data.subarray(-alone.frames.data.length), alone.frames.data)).toBe(0);
    // Five grey pictures each for x and y.
    expect(clip.frames.shape[0]).toBe(10);
  });
});

describeWithShared('files that went wrong once', ['cases'], (cases) => {
  // Frames as they are, height, width, rate of the file.
  it.each([
    ['interlaced/h264.mp4', 20, 64, 96, 12.5],
    ['interlaced/flag-only.mkv', 20, 64, 96, 25],
    ['interlaced/gradient_interlaced.png', 1, 48, 64, 25],
    ['alpha-track-avif/alpha_video_fixed.avif', 48, 480, 640, 25],
    ['raw-mjpeg/q2.mjpeg', 20, 64, 96, 25],
    ['raw-mjpeg/qvga.mjpeg', 15, 240, 320, 25],
    ['high-rate-fps/hs1200.mp4', 60, 64, 96, 1200],
    ['sparse-vfr/gap.mkv', 20, 64, 96, 1],
  ] as const)('%s has all its frames', async (name, frames, height, width, rate) => {
    const clip = await openClip(join(cases, name), { fps: 'native' });
    expect(clip).toMatchObject({ sourceFps: rate, warnings: [] });
    expect(clip.frames.shape).toEqual([frames, height, width, 3]);
  });

  it.each([
    ['bt709.mp4', [56, 124, 196]],
    ['p3.mp4', [56, 124, 196]],
    ['bt2020-sdr.mp4', [59, 129, 196]],
    ['hdr-pq.mp4', [59, 129, 196]],
    ['hdr-hlg.mp4', [59, 129, 196]],
    ['chrm-bt2020.png', [63, 127, 192]],
  ] as const)('%s has the colours of its matrix', async (name, pixel) => {
    const clip = await openClip(join(cases, 'wide-gamut-hdr', name), { frames: 1 });
    expect([...clip.frames.data.subarray(0, 3)]).toEqual(pixel);
  });

  it('shows the colour track of an animation with alpha', async () => {
    const { data } = (await openClip(join(cases, 'alpha-track-avif/alpha_video_fixed.avif'))).frames;
    const sums = [0, 0, 0];
    for (let i = 0; i < data.length; i++) sums[i % 3]! += data[i]!;
    const means = sums.map((sum) => Number(((sum * 3) / data.length).toFixed(1)));
    expect(means).toEqual([8.2, 96.2, 154]);
  });

  it('holds the picture of each pause', async () => {
    const path = join(cases, 'sparse-vfr/gap.mkv');
    const clip = await openClip(path, { fps: 1 });
    expect(clip.frames.shape[0]).toBe(309);
    const { frames, timestamps } = await openClip(path, { fps: 'native' });
    const size = 64 * 96 * 3;
    for (let second = 0; second < 309; second++) {
      const shown = timestamps.reduce((last, time, i) => (time <= second ? i : last), 0);
      const [one, other] = [second, shown].map((k, i) =>
        (i ? frames : clip.frames).data.subarray(k * size, (k + 1) * size),
      );
      expect(Buffer.compare(one!, other!), `second ${second}`).toBe(0);
    }
  });
});

describeWithShared('broken files', ['broken'], (broken) => {
  const outcomes: Record<string, RegExp> = {
    'AudioVideoInterleave.avi': /no frame that can be decoded/,
    'FlashVideo.flv': /no video stream;/,
    'Mpeg4.mp4': /no video stream;/,
    'bipbop_audioinit.mp4': /no video stream, only sound;/,
    'chunk_out_of_range.mp4': /not a video that FFmpeg can read/,
    'corrupted.mp4': /^49x720x1280x3 with warnings$/,
    'fuzz1.mp4': /not a video that FFmpeg can read/,
    'gif-transparent.gif': /^1x1x1x3$/,
    'gif.gif': /no frame that can be decoded/,
    'metadata.mp4': /^1x240x320x3$/,
    'minimal.mp4': /^1x240x320x3$/,
    'mp4-with-audio.mp4': /no video stream, only sound;/,
    'webm.webm': /^1x8x8x3 with warnings$/,
    'zero_empty_stsc.mp4': /no frame that can be decoded/,
  };

  it('give one sentence or what can be saved and without noise', async () => {
    const files = (await readdir(broken)).map((name) => join(broken, name));
    const run = await promisify(execFile)(process.execPath, [program('test/io/decode-all.js'), ...files], {
      timeout: HANG,
    });
    expect(run.stderr).toBe('');
    const lines = run.stdout.trim().split('\n');
    expect(lines).toHaveLength(files.length);
    for (const line of lines) {
      const { path, outcome } = JSON.parse(line) as { path: string; outcome: string };
      const name = path.slice(broken.length + 1);
      expect(outcome, name).toMatch(outcomes[name] ?? /^InputError: |x3/);
      if (outcome.startsWith('InputError')) {
        expect(outcome).toContain(path);
        expect(outcome).toMatch(/^[^\n]+\.$/);
      }
    }
  });
});
