/** @file The scenarios in a page; `i3d-webgpu` is the packed package. */

import * as api from 'i3d-webgpu';
import { runScenarios } from './scenarios.ts';

Object.assign(globalThis, {
  runEngine: async () =>
    runScenarios({
      api,
      open: () => api.Gpu.create(navigator.gpu),
      model: new Uint8Array(await (await fetch('/rgb.safetensors')).arrayBuffer()),
    }),
});
