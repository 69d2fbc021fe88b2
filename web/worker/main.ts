/** @file The worker of the recognition page: it decodes, computes and keeps weights, so that the page only draws. */

import { type Handlers, type Port, serve, WithTransfer } from '../shared/calls.ts';
import { drawAction } from '../video/drawn_clip.ts';
import { Engine } from './engine.ts';
import { opaque } from './film.ts';
import type { Calls } from './protocol.ts';
import { recognise } from './recognise.ts';
import { watch } from './watch.ts';
import { WeightsStore } from './weights_store.ts';

const engine = new Engine();
const store = new WeightsStore();

const handlers: Handlers<Calls> = {
  adapter: async () => (await engine.gpu()).profile.description,
  thumbnail: async (request) => {
    const rgba = opaque(drawAction(request.actions[0]!, request));
    return new WithTransfer({ size: request.size, rgba }, [rgba.buffer]);
  },
  weights: () => store.list(),
  addWeights: ({ files, keep }, { signal, emit }) =>
    store.add(files, keep, signal, (text, done) => emit({ text, done })),
  keepWeights: ({ id }, { signal, emit }) => store.keep(id, signal, (text, done) => emit({ text, done })),
  forgetWeights: ({ id }) => store.forget(id),
  recognise: (params, context) => recognise(engine, store, params, context),
  watch: (params, context) => watch(engine, store, params, context),
};

serve(handlers, globalThis as unknown as Port);
// For the console and for tests, which take the device away: docs/web.md.
Object.assign(globalThis, { engine });
