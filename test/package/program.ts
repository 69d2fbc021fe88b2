/** @file The scenarios in a Node program that has the packed package installed; prints what they found as JSON. */

import { readFileSync } from 'node:fs';
import * as api from 'i3d-webgpu/node';
import { runScenarios } from './scenarios.ts';

const found = await runScenarios({
  api,
  open: () => api.openGpu(),
  model: new Uint8Array(readFileSync(process.argv[2]!)),
});
process.stdout.write(JSON.stringify(found));
