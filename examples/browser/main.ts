/** @file What happens in a video that one picks, in a page: decoded by the browser, recognised on its GPU. `npx vite examples/browser` */

import { Gpu, loadModel, TwoStream } from 'i3d-webgpu';
import { FLOW_MODEL, RGB_MODEL } from 'i3d-webgpu/models';
import { framesOf } from './frames.ts';

const input = document.querySelector('input')!;
const output = document.querySelector('pre')!;

const gpu = await Gpu.create(navigator.gpu);
const [rgb, flow] = await Promise.all([loadModel(RGB_MODEL), loadModel(FLOW_MODEL)]);
const twoStream = await TwoStream.create(gpu, { rgb, flow });
output.textContent = 'Pick a video of somebody who jumps, waves, sits down …';

input.addEventListener('change', async () => {
  const [file] = input.files ?? [];
  if (!file) return;
  output.textContent = '';
  const fps = Number(rgb.spec.fps ?? 25);
  try {
    for await (const { start, frames, fused } of twoStream.windows(framesOf(file, fps))) {
      const best = fused.slice(0, 3).map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`);
      output.append(`Frames ${start} to ${start + frames - 1}: ${best.join(', ')}\n`);
    }
    output.append('That is all.\n');
  } catch (error) {
    // Every error of the package is a sentence.
    output.append(`${(error as Error).message}\n`);
  }
});
