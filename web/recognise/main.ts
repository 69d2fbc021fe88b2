/** @file The page that recognises: what was dropped, chosen or filmed goes to the worker, and what comes back is shown. */

import { Caller } from '../shared/calls.ts';
import { byId } from '../shared/dom.ts';
import { dropZone } from '../shared/drop_zone.ts';
import { messageBoard, startPage } from '../shared/page.ts';
import { startWorker } from '../shared/start_worker.ts';
import workerUrl from '../worker/main.ts?worker&url';
import type { Calls, ClipSource } from '../worker/protocol.ts';
import { Run } from './run.ts';
import { Samples } from './samples.ts';
import { isWeights, WeightsPanel } from './weights_panel.ts';

const main = byId('main', HTMLElement);
if (await startPage(main)) start();

function start(): void {
  const { say, fail, clear } = messageBoard();

  const caller = new Caller<Calls>(startWorker(workerUrl));
  const run = new Run(caller, { onError: fail, onNote: (text) => say(text, 'told') });
  let last: (() => Promise<void>) | undefined;
  const panel = new WeightsPanel(caller, {
    onChange: () => void last?.(),
    onError: fail,
  });

  const recognise = (source: ClipSource): void => {
    last = () => run.clip(source, panel.request);
    clear();
    void last();
  };
  const take = (files: readonly File[]): void => {
    const weights = files.filter(isWeights);
    if (weights.length > 0) void panel.add(weights).catch(fail);
    const [clip] = files.filter((file) => !isWeights(file));
    if (clip) recognise({ kind: 'file', file: clip });
  };

  dropZone({ target: main, input: byId('file', HTMLInputElement), onFiles: take });
  dropZone({
    target: byId('weights', HTMLElement),
    input: byId('weights-file', HTMLInputElement),
    onFiles: (files) => void panel.add(files).catch(fail),
  });
  byId('camera', HTMLButtonElement).addEventListener('click', () => {
    last = () => run.watch(panel.request);
    clear();
    void last();
  });
  const samples = new Samples(caller, recognise);
  void panel.load().then(() => samples.draw(), fail);
  // For the console and for tests.
  Object.assign(globalThis, { recognition: run });
}
