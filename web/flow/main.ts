/** @file The page with live flow: a camera, a clip or drawn people go to the worker, which paints the canvas. */

import { FIRST_TEST_SEED } from '../../src/train/actions/index.ts';
import { Caller } from '../shared/calls.ts';
import { byId } from '../shared/dom.ts';
import { dropZone } from '../shared/drop_zone.ts';
import { messageBoard, startPage } from '../shared/page.ts';
import { saveBlob } from '../shared/save.ts';
import { startWorker } from '../shared/start_worker.ts';
import type { GivenFrame } from '../video/given_clip.ts';
import { openCamera } from '../video/page/camera.ts';
import { openLoopedVideo } from '../video/page/looped_video.ts';
import { Controls } from './controls.ts';
import type { FlowCalls, FlowEvent, FlowSource } from './protocol.ts';
import workerUrl from './worker.ts?worker&url';

/** People who are drawn where there is neither a camera nor a clip. */
const DRAWN = {
  kind: 'drawn',
  actions: ['jumping-jack', 'spin', 'wave-both-hands', 'kick'],
  seed: FIRST_TEST_SEED + 48,
  frames: 40,
  size: 256,
  fps: 20,
} as const;

const main = byId('main', HTMLElement);
if (await startPage(main)) start();

function start(): void {
  const { say, fail, clear } = messageBoard();

  const caller = new Caller<FlowCalls>(startWorker(workerUrl));
  const canvas = byId('canvas', HTMLCanvasElement);
  const offscreen = canvas.transferControlToOffscreen();
  void caller.call('canvas', offscreen, { transfer: [offscreen] }).catch(fail);
  const controls = new Controls({
    onSettings: (settings) => void caller.call('settings', settings).catch(fail),
    onView: (view) => void caller.call('view', view).catch(fail),
  });
  void caller.call('settings', controls.settings).catch(fail);
  void caller.call('view', controls.view).catch(fail);

  const waiting = byId('waiting', HTMLElement);
  const rate = byId('rate', HTMLElement);
  const facts = byId('facts', HTMLElement);
  const stop = byId('stop', HTMLButtonElement);
  const save = byId('save', HTMLButtonElement);
  let controller: AbortController | undefined;

  const take = (event: FlowEvent): void => {
    switch (event.kind) {
      case 'compiling':
        waiting.hidden = false;
        waiting.textContent = 'Compiling for this GPU …';
        return;
      case 'shown': {
        const { width, height, fps, length, adapter } = event;
        waiting.hidden = true;
        rate.hidden = fps === 0;
        rate.textContent = `${fps.toFixed(fps < 10 ? 1 : 0)} fps`;
        facts.textContent = `${width}×${height}, full colour at ${length.toFixed(1)} px a frame, on ${adapter}`;
        save.disabled = false;
        return;
      }
      case 'lost':
        say(`${event.message} It goes on with a new one.`, 'told');
    }
  };

  /** @param open Opens what gives frames; drawn people give their own. */
  async function show(
    source: FlowSource,
    open?: () => Promise<{ frames(): AsyncGenerator<GivenFrame, void, undefined>; close(): void }>,
  ): Promise<void> {
    controller?.abort();
    const own = new AbortController();
    controller = own;
    clear();
    stop.hidden = false;
    waiting.hidden = false;
    waiting.textContent = 'Opening …';
    let opened: Awaited<ReturnType<NonNullable<typeof open>>> | undefined;
    try {
      opened = await open?.();
      await caller.call('show', source, {
        signal: own.signal,
        onEvent: (event) => {
          if (!own.signal.aborted) take(event);
        },
        inputs: opened?.frames(),
        transferOf: ({ frame }) => [frame],
      });
    } catch (error) {
      if (!own.signal.aborted) fail(error);
    } finally {
      opened?.close();
      if (controller === own) {
        controller = undefined;
        stop.hidden = true;
        rate.hidden = true;
        save.disabled = true;
        waiting.hidden = false;
        waiting.textContent = 'Choose a source';
      }
    }
  }

  byId('camera', HTMLButtonElement).addEventListener(
    'click',
    () => void show({ kind: 'given', mirrored: true }, openCamera),
  );
  byId('drawn', HTMLButtonElement).addEventListener('click', () => void show(DRAWN));
  stop.addEventListener('click', () => controller?.abort());
  dropZone({
    target: main,
    input: byId('file', HTMLInputElement),
    onFiles: ([file]) => void show({ kind: 'given', mirrored: false }, () => openLoopedVideo(file!)),
  });
  save.addEventListener('click', () => {
    caller.call('picture', undefined).then((blob) => saveBlob(blob, 'flow.png'), fail);
  });
}
