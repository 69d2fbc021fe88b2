/** @file One clip on the page, from its first frame to its verdict; another one, or the button, cancels it. */

import type { Caller, CallOptions } from '../shared/calls.ts';
import { byId } from '../shared/dom.ts';
import { Progress } from '../shared/progress.ts';
import type { GivenFrame } from '../video/given_clip.ts';
import { type Camera, openCamera } from '../video/page/camera.ts';
import { openPlayedClip } from '../video/page/played_clip.ts';
import type {
  Calls,
  ChosenWeights,
  ClipSource,
  RecogniseEvent,
  RecogniseResult,
  WindowScores,
} from '../worker/protocol.ts';
import { FilmStore } from './film_store.ts';
import { Player } from './player.ts';
import { meanScores, type Scores, showCharts, showTimes, showVerdict } from './results.ts';
import { Timeline } from './timeline.ts';

/** Frames of a camera that the page holds. */
const CAMERA_FRAMES = 64;
/** Hz at which frames are sought where a model asks for none. */
const PLAYED_FPS = 25;

interface RunEvents {
  readonly onError: (error: unknown) => void;
  /** Something that is no error and should be known. */
  readonly onNote: (text: string) => void;
}

/** What is being asked for. */
interface Request {
  readonly weights: ChosenWeights;
  /** Hz that the networks want, where they say one. */
  readonly fps: number | undefined;
}

export class Run {
  private readonly section = byId('result', HTMLElement);
  private readonly doing = byId('doing', HTMLElement);
  private readonly progress = new Progress('Recognition');
  private readonly player = new Player((byHand) => {
    // Who goes somewhere wants to know what happens there.
    if (byHand) this.chooseScope('window');
    this.showScope();
  });
  private readonly timeline = new Timeline((index) => {
    this.player.stop();
    this.player.seek(index, true);
  });
  private film = new FilmStore();
  private classes: readonly string[] = [];
  private adapter = '';
  private fps = PLAYED_FPS;
  private windows: WindowScores[] = [];
  private controller: AbortController | undefined;
  private camera: Camera | undefined;
  /** What was found, for the console and for tests. */
  result: RecogniseResult | undefined;

  constructor(
    private readonly caller: Caller<Calls>,
    private readonly events: RunEvents,
  ) {
    this.doing.prepend(this.progress.element);
    byId('cancel', HTMLButtonElement).addEventListener('click', () => this.cancel());
    for (const input of this.scopes) input.addEventListener('change', () => this.showScope());
  }

  /** Whether something goes on. */
  get busy(): boolean {
    return this.controller !== undefined;
  }

  /** Recognises a clip. */
  async clip(source: ClipSource, request: Request): Promise<void> {
    await this.during(async (signal) => {
      this.begin(new FilmStore());
      const call = (from: ClipSource, options: CallOptions<Calls['recognise']> = {}): Promise<RecogniseResult> =>
        this.caller.call(
          'recognise',
          { source: from, weights: request.weights },
          { ...this.options(signal), ...options },
        );
      try {
        this.finish(await call(source));
      } catch (error) {
        if (source.kind !== 'file' || !(error instanceof Error) || error.name !== 'NotDecodable') throw error;
        this.finish(await this.played(source.file, error.message, request, call));
      }
    });
  }

  /** Watches the camera until cancelled. */
  async watch({ weights }: Request): Promise<void> {
    await this.during(async (signal) => {
      this.begin(new FilmStore(CAMERA_FRAMES));
      this.progress.show('Waiting for the camera');
      const camera = await openCamera();
      this.camera = camera;
      if (signal.aborted) return;
      const options = { ...this.options(signal), inputs: camera.frames() };
      await this.caller.call('watch', { facts: camera.facts, weights }, options);
    });
  }

  /** Ends what goes on; what was found stays. */
  cancel(): void {
    this.controller?.abort();
  }

  private async played(
    file: File,
    reason: string,
    request: Request,
    call: (source: ClipSource, options: CallOptions<Calls['recognise']>) => Promise<RecogniseResult>,
  ): Promise<RecogniseResult> {
    for (;;) {
      const clip = await openPlayedClip(file, request.fps ?? PLAYED_FPS, reason);
      try {
        return await call({ kind: 'given', ...clip.facts }, { inputs: clip.frames() });
      } catch (error) {
        // The device was lost with the frames on it: they are given once more.
        if (!(error instanceof Error) || error.name !== 'FramesLost') throw error;
        this.windows = [];
      } finally {
        clip.close();
      }
    }
  }

  /** @param work Is given a signal; nothing else goes on at the same time. */
  private async during(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.cancel();
    const controller = new AbortController();
    this.controller = controller;
    try {
      await work(controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) this.events.onError(error);
      if (this.controller === controller && this.windows.length === 0) {
        this.section.hidden = this.film.last < 0;
        byId('verdict', HTMLElement).textContent = 'No result';
      }
    } finally {
      if (this.controller === controller) {
        this.controller = undefined;
        this.camera?.close();
        this.camera = undefined;
        this.progress.hide();
        this.doing.hidden = true;
        this.section.removeAttribute('aria-busy');
        if (controller.signal.aborted && this.windows.length === 0)
          byId('verdict', HTMLElement).textContent = 'Cancelled';
      }
    }
  }

  private options(signal: AbortSignal) {
    return {
      signal,
      onEvent: (event: RecogniseEvent) => {
        if (!signal.aborted) this.take(event);
      },
      transferOf: ({ frame }: GivenFrame): Transferable[] => [frame],
    };
  }

  private begin(film: FilmStore): void {
    this.film = film;
    this.windows = [];
    this.result = undefined;
    this.section.hidden = false;
    this.section.setAttribute('aria-busy', 'true');
    this.section.classList.remove('settled');
    this.doing.hidden = false;
    byId('clip', HTMLElement).textContent = '';
    byId('verdict', HTMLElement).textContent = 'Looking …';
    byId('charts', HTMLElement).replaceChildren();
    this.chooseScope('clip');
    this.timeline.show([], [], 0);
    this.player.open(film, this.fps);
    this.section.scrollIntoView({ behavior: 'smooth', block: 'start' });
  }

  private take(event: RecogniseEvent): void {
    switch (event.kind) {
      case 'opened': {
        const { name, width, height, fps, seconds } = event;
        this.classes = event.classes;
        this.adapter = event.adapter;
        this.fps = fps;
        this.player.open(this.film, fps);
        const facts = [
          name,
          `${width}×${height}`,
          seconds > 0 && `${seconds.toFixed(1)} s`,
          `seen at ${Number(fps.toFixed(2))} Hz`,
        ];
        byId('clip', HTMLElement).textContent = facts.filter(Boolean).join(' · ');
        return;
      }
      case 'progress':
        this.progress.show(event.text, event.done);
        return;
      case 'frame':
        this.film.addFrame(event.frame);
        this.player.grown();
        return;
      case 'motion':
        this.film.addMotions(event.motions);
        this.player.grown();
        return;
      case 'thinned':
        this.film.thin(event.stride);
        return;
      case 'lost':
        this.events.onNote(`${event.message} It goes on with a new one.`);
        return;
      case 'window': {
        const live = this.camera !== undefined;
        this.windows = live ? [event.window] : [...this.windows, event.window];
        if (!live) this.timeline.show(this.windows, this.classes, this.film.last);
        showTimes(event.times, this.adapter);
        this.section.classList.add('settled');
        this.showScope();
        return;
      }
    }
  }

  private finish(result: RecogniseResult): void {
    this.result = result;
    showTimes(result.times, this.adapter);
    this.showScope();
    this.timeline.show(this.windows, this.classes, this.film.last);
    if (!matchMedia('(prefers-reduced-motion: reduce)').matches) this.player.start();
  }

  private get scopes(): readonly HTMLInputElement[] {
    return [...byId('scope', HTMLElement).querySelectorAll('input')];
  }

  private chooseScope(value: 'clip' | 'window'): void {
    for (const input of this.scopes) input.checked = input.value === value;
  }

  /** The scores of what is chosen: the whole clip, or the window at the shown frame. */
  private showScope(): void {
    if (this.windows.length === 0) return;
    const whole = this.scopes.find(({ checked }) => checked)?.value !== 'window';
    const all: Scores = this.result ?? meanScores(this.windows);
    const index = this.player.current;
    const inside =
      this.windows.find(({ start, frames }) => index >= start && index < start + frames) ?? this.windows.at(-1)!;
    byId('scope', HTMLElement).hidden = this.windows.length < 2;
    byId('scope-window', HTMLElement).textContent = `${inside.from.toFixed(1)} to ${inside.to.toFixed(1)} s`;
    const chosen = whole || this.windows.length < 2 ? all : inside;
    showCharts(chosen, this.classes);
    showVerdict(chosen, this.classes);
  }
}
