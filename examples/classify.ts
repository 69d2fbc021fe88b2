/** @file What happens in a clip: `npx tsx examples/classify.ts clip.mp4 models`. */

import { averageLogits, InputError, openClip, openGpu, Recogniser, readModels, topK } from 'i3d-webgpu/node';

const [path = 'clip.mp4', folder = 'models'] = process.argv.slice(2);
const { rgb: model } = await readModels(folder);
if (!model) throw new InputError(`${folder} has no model for RGB.`);

// The model says which clips it takes: how many frames in a window, at which rate.
const { spec, classes } = model;
const clip = await openClip(path, { fps: spec.fps });

const gpu = await openGpu();
const recogniser = new Recogniser(gpu, model);
const parts = recogniser.windows(clip.frames.shape[0]!);
// Calls may overlap: while the device looks at one window, the next one is uploaded.
const logits = await Promise.all(parts.map((window) => recogniser.logits(clip.frames, window)));
for (const { label, probability } of topK(averageLogits(logits), classes, 3)) {
  console.log(`${(100 * probability).toFixed(1).padStart(5)} %  ${label}`);
}
gpu.dispose();
