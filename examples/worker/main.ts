/** @file The page of examples/browser with all computing in a worker, and a button that stops it. `npx vite examples/worker` */

import { connectRecogniser } from 'i3d-webgpu';
import { FLOW_MODEL, RGB_MODEL } from 'i3d-webgpu/models';
import { framesOf } from '../browser/frames.ts';

const input = document.querySelector('input')!;
const button = document.querySelector('button')!;
const output = document.querySelector('pre')!;

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const recogniser = connectRecogniser(worker);
const { models, adapter } = await recogniser.open({ rgb: RGB_MODEL, flow: FLOW_MODEL });
output.textContent = `Pick a video: it is looked at on ${adapter.description}.`;

input.addEventListener('change', async () => {
  const [file] = input.files ?? [];
  if (!file) return;
  const stop = new AbortController();
  button.disabled = false;
  button.onclick = () => stop.abort();
  output.textContent = '';
  try {
    const fps = Number(models.rgb?.spec.fps ?? 25);
    for await (const { start, fused } of recogniser.windows(framesOf(file, fps), { top: 1, signal: stop.signal })) {
      output.append(`From frame ${start}: ${fused[0]!.label}\n`);
    }
    output.append('That is all.\n');
  } catch (error) {
    output.append(stop.signal.aborted ? 'Stopped.\n' : `${(error as Error).message}\n`);
  }
  button.disabled = true;
});
