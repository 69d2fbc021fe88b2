/** @file Frames of a camera, on the page. */

import type { GivenClipFacts, GivenFrame } from '../given_clip.ts';
import { nextFrame } from './next_frame.ts';

/** Pixels and Hz that are asked for; a camera gives what it can. */
const WANTED = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } } as const;

const REASONS: Readonly<Record<string, string>> = {
  NotAllowedError: 'The camera may not be used: allow it for this page in the browser’s address bar, then try again.',
  NotFoundError: 'There is no camera here: connect one, or choose a video.',
  NotReadableError: 'The camera is in use by another program: close that one, then try again.',
};

export interface Camera {
  readonly facts: GivenClipFacts;
  /** Plays what the camera sees. */
  readonly video: HTMLVideoElement;
  frames(): AsyncGenerator<GivenFrame, void, undefined>;
  close(): void;
}

/** @throws Error whose message is one sentence. */
export async function openCamera(): Promise<Camera> {
  if (!navigator.mediaDevices) throw new Error('This browser gives no access to cameras here; choose a video.');
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: WANTED, audio: false });
  } catch (cause) {
    const { name, message } = cause as DOMException;
    throw new Error(REASONS[name] ?? `The camera cannot be used (${message || name}); choose a video.`, { cause });
  }
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  await video.play();
  const [track] = stream.getVideoTracks();
  const { frameRate = 30 } = track!.getSettings();
  let open = true;
  const close = (): void => {
    open = false;
    for (const each of stream.getTracks()) each.stop();
    video.srcObject = null;
  };
  // Pulled out, or taken away by the system.
  track!.addEventListener('ended', close);
  async function* frames(): AsyncGenerator<GivenFrame, void, undefined> {
    let first: number | undefined;
    while (open) {
      const time = await nextFrame(video, () => open);
      if (time === undefined) return;
      first ??= time;
      yield { frame: new VideoFrame(video, { timestamp: Math.round((time - first) * 1e6) }), time: time - first };
    }
  }
  const { videoWidth: width, videoHeight: height } = video;
  return { facts: { name: 'Camera', width, height, fps: frameRate, seconds: 0 }, video, frames, close };
}
