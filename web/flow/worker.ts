/** @file The worker of the flow page: it computes and paints. */

import { type Handlers, type Port, serve } from '../shared/calls.ts';
import { Engine } from '../worker/engine.ts';
import { LiveFlow } from './live.ts';
import type { FlowCalls } from './protocol.ts';

const engine = new Engine();
const live = new LiveFlow();

const handlers: Handlers<FlowCalls> = {
  canvas: async (canvas) => {
    live.canvas = canvas;
    return undefined;
  },
  settings: async (settings) => {
    live.settings = settings;
    return undefined;
  },
  view: async (view) => {
    live.view = view;
    return undefined;
  },
  show: (source, context) =>
    engine.run(
      (gpu, progressed) => live.show(gpu, source, context, progressed),
      (message) => context.emit({ kind: 'lost', message }),
    ),
  picture: () => live.picture(),
};

serve(handlers, globalThis as unknown as Port);
// For the console and for tests, which take the device away: docs/web.md.
Object.assign(globalThis, { engine });
