/** @file What happens in a clip, by its frames and by the motion between them: `npx tsx examples/classify.ts clip.mp4`. */

import { FLOW_MODEL, RGB_MODEL } from 'i3d-webgpu/models';
import { loadModel, openClip, openGpu, TwoStream } from 'i3d-webgpu/node';

const [path = 'clip.mp4'] = process.argv.slice(2);

// Any of the files that docs/weights.md lists would do; these two come along.
const rgb = await loadModel(RGB_MODEL);
const flow = await loadModel(FLOW_MODEL);
const gpu = await openGpu();
const recogniser = await TwoStream.create(gpu, { rgb, flow });

// The model says at which rate it looks at clips.
const clip = await openClip(path, { fps: rgb.spec.fps });
const { fused } = await recogniser.classify(clip.frames, { top: 3 });
for (const { label, probability } of fused) console.log(`${(100 * probability).toFixed(1).padStart(5)} %  ${label}`);
gpu.dispose();
