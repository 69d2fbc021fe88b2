/** @file Frames of a video that plays over and over, on the page. */

import type { GivenFrame } from '../given_clip.ts';
import { nextFrame } from './next_frame.ts';

export interface LoopedVideo {
  frames(): AsyncGenerator<GivenFrame, void, undefined>;
  close(): void;
}

/** @throws Error whose message is one sentence, where the browser cannot play it. */
export async function openLoopedVideo(file: File): Promise<LoopedVideo> {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.loop = true;
  const url = URL.createObjectURL(file);
  let open = true;
  const close = (): void => {
    open = false;
    video.pause();
    video.removeAttribute('src');
    URL.revokeObjectURL(url);
  };
  video.src = url;
  try {
    await video.play();
    if (video.videoWidth === 0) throw new Error('no pictures');
  } catch (cause) {
    close();
    throw new Error(`${file.name} is nothing that this browser can play; drop an MP4 (H.264) or a WebM (VP9).`, {
      cause,
    });
  }
  async function* frames(): AsyncGenerator<GivenFrame, void, undefined> {
    while (open) {
      const time = await nextFrame(video, () => open);
      if (time === undefined) return;
      yield { frame: new VideoFrame(video, { timestamp: Math.round(time * 1e6) }), time };
    }
  }
  return { frames, close };
}
