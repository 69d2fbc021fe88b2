/** @file The frames of a file that WebCodecs cannot decode but the browser can play, by seeking in a video element. */

import type { GivenClipFacts, GivenFrame } from '../given_clip.ts';

export interface PlayedClip {
  readonly facts: GivenClipFacts;
  frames(): AsyncGenerator<GivenFrame, void, undefined>;
  close(): void;
}

/**
 * @param fps Hz at which frames are taken: the rate that a model wants, since every frame is sought by itself.
 * @param reason Why the file was not decoded otherwise, for the message.
 * @throws Error whose message is one sentence, where the browser cannot play it either.
 */
export async function openPlayedClip(file: File, fps: number, reason: string): Promise<PlayedClip> {
  const url = URL.createObjectURL(file);
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.preload = 'auto';
  const close = (): void => {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(url);
  };
  try {
    await event(video, 'loadeddata', () => {
      video.src = url;
    });
  } catch {
    close();
    const text = reason.replace(/\.$/, '');
    throw new Error(`${text}, and this browser cannot play it either; convert it to MP4 (H.264) or WebM (VP9).`);
  }
  const { videoWidth: width, videoHeight: height, duration } = video;
  if (width === 0) {
    close();
    throw new Error(`${file.name} holds no video, only sound; drop a video that plays.`);
  }
  const seconds = Number.isFinite(duration) ? duration : 0;
  async function* frames(): AsyncGenerator<GivenFrame, void, undefined> {
    for (let k = 0; k === 0 || k / fps < seconds; k++) {
      const time = k / fps;
      // Into the middle of the frame's time, where rounding does not change which one is shown.
      const wanted = Math.min(time + 0.25 / fps, Math.max(0, seconds - 0.001));
      if (video.currentTime !== wanted) {
        await event(video, 'seeked', () => {
          video.currentTime = wanted;
        });
      }
      yield { frame: new VideoFrame(video, { timestamp: Math.round(time * 1e6) }), time };
    }
  }
  return { facts: { name: file.name, width, height, fps, seconds }, frames, close };
}

/** Waits for an event that `begin` brings about. @throws The element's error. */
function event(video: HTMLVideoElement, name: 'loadeddata' | 'seeked', begin: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const { signal } = controller;
    const end = (settle: () => void) => (): void => {
      controller.abort();
      settle();
    };
    video.addEventListener(name, end(resolve), { signal });
    video.addEventListener(
      'error',
      end(() => reject(video.error)),
      { signal },
    );
    begin();
  });
}
