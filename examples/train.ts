/**
 * @file A model for one's own classes, from a folder `class/clip.mp4`: `npx tsx examples/train.ts clips my-model`. Further settings
 * are those of docs/training.md, as JSON: `… '{"epochs": 4, "streams": ["rgb"]}'`.
 */

import { clipCaches, openGpu, parseConfig, runTraining } from 'i3d-webgpu/node';

const [data = 'clips', out = 'my-model', settings = '{}'] = process.argv.slice(2);
const config = parseConfig({ ...JSON.parse(settings), data, out }, 'The settings');

const gpu = await openGpu();
const device = async () => gpu;
const warn = (text: string) => console.error(text);
const { classes, result } = await runTraining({
  config,
  resume: false,
  caches: clipCaches({ folder: config.cache, gpu: device, onWarning: warn }),
  gpu: device,
  observer: {
    onClips: () => undefined,
    onStream: (stream, { clips, steps }) => console.log(`${stream}: ${clips.train} clips, ${steps} steps`),
    onStep: (_, { step, loss }) => step % 20 === 0 && console.log(`step ${step}: loss ${loss.toFixed(3)}`),
    onEvaluation: () => undefined,
    onSkip: ({ path, reason }) => warn(`${path} is left out: ${reason}`),
    onWarning: warn,
  },
});
for (const [stream, { top1, clips }] of Object.entries(result?.evaluation ?? {})) {
  console.log(`${stream}: ${(100 * top1).toFixed(1)} % of ${clips} clips, ${classes.length} classes`);
}
gpu.dispose();
