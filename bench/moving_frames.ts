/** @file Grey frames for flow: a smooth texture that turns, grows and drifts by a pixel or two per frame. */

export interface Frames {
  readonly shape: readonly [frames: number, height: number, width: number];
  readonly data: Uint8Array;
}

export function movingFrames(frames: number, height: number, width: number): Frames {
  const data = new Uint8Array(frames * height * width);
  let at = 0;
  for (let t = 0; t < frames; t++) {
    const [angle, scale] = [0.006 * t, 1 + 0.004 * t];
    const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [dx, dy] = [x - width / 2 - 1.3 * t, y - height / 2 + 0.7 * t];
        data[at++] = texture(cos * dx + sin * dy, cos * dy - sin * dx);
      }
    }
  }
  return { shape: [frames, height, width], data };
}

/** Waves of several lengths and directions, 0 … 255. */
function texture(x: number, y: number): number {
  const waves =
    Math.sin(0.31 * x + 0.12 * y) +
    Math.sin(0.17 * y - 0.23 * x) +
    0.7 * Math.sin(0.071 * x + 0.053 * y) +
    0.5 * Math.sin(0.61 * x - 0.43 * y);
  return 127.5 + 39 * waves;
}
