/** @file Optical flow of two frames, as numbers and as a picture: `npx tsx examples/flow.ts flow.png`. */

import { writeFile } from 'node:fs/promises';
import { computeFlow, encodePng, flowToColor, openGpu } from 'i3d-webgpu/node';

const [width, height] = [96, 64];

/** Two frames of a pattern that moves by 2 pixels to the right and 1 pixel up; T×H×W×3 bytes, as a decoder gives them. */
const frames = new Uint8Array(2 * height * width * 3);
for (let i = 0; i < frames.length; i++) {
  const [t, y, x] = [Math.floor(i / 3 / width / height), Math.floor(i / 3 / width) % height, Math.floor(i / 3) % width];
  frames[i] = 128 + 60 * Math.sin((x - 2 * t) / 4) + 60 * Math.cos((y + t) / 3);
}

const gpu = await openGpu();
const flow = await computeFlow(
  gpu,
  { dtype: 'u8', shape: [2, height, width, 3], data: frames },
  { preset: 'accurate' },
);
gpu.dispose();

// One pair of frames: 1×H×W×2, pixels, to the right and down.
const mean = (axis: 0 | 1): number =>
  flow.data.reduce((sum, value, i) => (i % 2 === axis ? sum + value : sum), 0) / (width * height);
console.log(`The pattern moves by ${mean(0).toFixed(1)} pixels to the right and ${(-mean(1)).toFixed(1)} up.`);

const [path] = process.argv.slice(2);
if (path) {
  const picture = flowToColor({ dtype: 'f32', shape: [height, width, 2], data: flow.data });
  await writeFile(path, await encodePng(picture.data, width, height));
}
