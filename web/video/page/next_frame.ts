/** @file Waiting for what a video element shows next. */

/** Milliseconds without a frame after which is looked whether the source is still open. */
const SILENCE = 500;

/** Seconds at which the next frame was shown; undefined once it is closed. */
export async function nextFrame(video: HTMLVideoElement, isOpen: () => boolean): Promise<number | undefined> {
  for (;;) {
    const shown = await new Promise<number | undefined>((resolve) => {
      const request = video.requestVideoFrameCallback((now) => {
        clearTimeout(timer);
        resolve(now / 1000);
      });
      const timer = setTimeout(() => {
        video.cancelVideoFrameCallback(request);
        resolve(undefined);
      }, SILENCE);
    });
    if (!isOpen()) return undefined;
    if (shown !== undefined) return shown;
  }
}
