/** @file A short clip by a formula: textured shapes that move over a textured ground, the same on every machine. */

import type { VideoFormat } from '../io/encode.ts';

export const SCENE: VideoFormat = { width: 320, height: 240, fps: 25 };

interface Shape {
  /** Whether a point lies inside; x and y in pixels from the centre. */
  readonly inside: (x: number, y: number) => boolean;
  /** Of the centre, pixels, at a time in seconds. */
  readonly at: (seconds: number) => readonly [x: number, y: number];
  readonly color: readonly [red: number, green: number, blue: number];
  /** Width of its stripes in pixels. */
  readonly stripe: number;
}

const SHAPES: readonly Shape[] = [
  {
    inside: (x, y) => Math.hypot(x, y) < 46,
    at: (t) => [90 + 150 * t, 130 - 70 * Math.abs(Math.sin(4 * t))],
    color: [226, 88, 62],
    stripe: 9,
  },
  {
    inside: (x, y) => Math.abs(x) < 38 && Math.abs(y) < 26,
    at: (t) => [240 - 90 * t, 70 + 40 * t],
    color: [64, 130, 214],
    stripe: 7,
  },
  {
    inside: (x, y) => Math.abs(x) + Math.abs(y) < 40,
    at: (t) => [150 + 60 * Math.cos(3 * t), 185 + 18 * Math.sin(3 * t)],
    color: [240, 190, 70],
    stripe: 11,
  },
];

/** A frame, H×W×3 RGB. */
export function drawScene(frame: number): Uint8Array {
  const { width, height, fps } = SCENE;
  const rgb = new Uint8Array(width * height * 3);
  const seconds = frame / fps;
  const centres = SHAPES.map((shape) => shape.at(seconds));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let color: readonly number[] = [84, 112, 92];
      let shade = 0.85 + 0.15 * Math.sin(0.19 * x + 0.4 * Math.sin(0.07 * y)) * Math.sin(0.13 * y);
      SHAPES.forEach((shape, i) => {
        const [cx, cy] = centres[i]!;
        const [dx, dy] = [x - cx, y - cy];
        if (!shape.inside(dx, dy)) return;
        color = shape.color;
        shade = 0.78 + 0.22 * Math.sin((dx + 0.6 * dy) / (shape.stripe / Math.PI));
      });
      for (let c = 0; c < 3; c++) rgb[(y * width + x) * 3 + c] = Math.round(color[c]! * shade);
    }
  }
  return rgb;
}
