/** @file The frames of a video file, by the page's own video element. */

/** Frames at `fps`, RGB bytes, one after the other. */
export async function* framesOf(file: Blob, fps: number) {
  const video = Object.assign(document.createElement('video'), { muted: true, src: URL.createObjectURL(file) });
  try {
    await loaded(video);
    const { videoWidth: width, videoHeight: height, duration } = video;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d', { willReadFrequently: true })!;
    for (let i = 0; (i + 0.5) / fps < duration; i++) {
      video.currentTime = (i + 0.5) / fps;
      await new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }));
      context.drawImage(video, 0, 0);
      yield { width, height, data: withoutAlpha(context.getImageData(0, 0, width, height).data) };
    }
  } finally {
    URL.revokeObjectURL(video.src);
  }
}

const loaded = (video: HTMLVideoElement): Promise<unknown> =>
  new Promise((resolve, reject) => {
    video.addEventListener('loadeddata', resolve, { once: true });
    video.addEventListener('error', () => reject(new Error('This browser cannot play that file.')), { once: true });
  });

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array<ArrayBuffer> {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) rgb.set(rgba.subarray(from, from + 3), to);
  return rgb;
}
