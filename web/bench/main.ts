/** @file The bench page: what its parts are, and how they go together. */

import { failuresOf, type Session } from '../../bench/gpu/outcome.ts';
import { byId } from '../shared/dom.ts';
import { message, startPage } from '../shared/page.ts';
import { Progress } from '../shared/progress.ts';
import { BUDGET, SCALE, STAGE_TITLES } from './choices.ts';
import { mountElsewhere } from './elsewhere_view.ts';
import { Reporter } from './reporter.ts';
import { ResultsView } from './results_view.ts';
import { runSession } from './run.ts';
import { SetupView } from './setup_view.ts';
import { TuningView } from './tuning_view.ts';

/** Whether the other engines were built along; they are loaded only when they are asked for. */
const PEERS = import.meta.env.MODE === 'peers';

/** How often the time that is left is written. Milliseconds. */
const TICK = 500;

/** Shows a sentence until the next one. @param told Good news. */
function tell(text: string, told: boolean): void {
  byId('messages', HTMLElement).replaceChildren(message(text, told ? 'told' : 'bad'));
}

class BenchPage {
  private readonly setup = new SetupView(PEERS);
  private readonly reporter = new Reporter();
  private readonly results = new ResultsView(this.reporter, tell);
  private readonly progress = new Progress('Session');
  private readonly start = byId('start', HTMLButtonElement);
  private readonly cancel = byId('cancel', HTMLButtonElement);
  private readonly tuning = new TuningView({
    tell,
    onBusy: (busy) => {
      this.start.disabled = busy;
    },
  });
  private controller: AbortController | undefined;
  private session: Session | undefined;

  async open(): Promise<void> {
    byId('progress', HTMLElement).append(this.progress.element);
    byId('form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.run();
    });
    this.cancel.addEventListener('click', () => this.controller?.abort());
    void this.tuning.load();
    const shipped = mountElsewhere({
      reporter: this.reporter,
      tell,
      onFile: () => {
        if (this.session) void this.results.show(this.session);
      },
    });
    if (await startPage(byId('main', HTMLElement))) await this.lookForDevice();
    await shipped;
  }

  private async lookForDevice(): Promise<void> {
    const title = byId('device', HTMLElement);
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
    const { vendor, architecture, device, description, isFallbackAdapter } = adapter!.info;
    title.textContent = description || device || `${vendor} ${architecture}`.trim() || 'A GPU without a name';
    const features = adapter!.features;
    byId('device-facts', HTMLElement).textContent = [
      [vendor, architecture].filter(Boolean).join(' '),
      isFallbackAdapter ? 'runs on the processor' : '',
      features.has('shader-f16') ? 'f16' : '',
      features.has('subgroups') ? 'subgroups' : '',
      features.has('timestamp-query') ? 'time stamps' : 'no time stamps',
    ]
      .filter(Boolean)
      .join(' · ');
    // I3D takes minutes there.
    if (isFallbackAdapter || /swiftshader|llvmpipe/i.test(description)) this.setup.choose('small');
    this.start.disabled = false;
    this.tuning.enabled = true;
  }

  private async run(): Promise<void> {
    const { budget, scale, stages } = this.setup.wishes;
    if (stages.length === 0) return tell('Choose at least one thing to measure.', false);
    byId('messages', HTMLElement).replaceChildren();
    const { minutes } = BUDGET[budget];
    const began = performance.now();
    let doing = 'starting …';
    const tick = (): void => {
      const seconds = (performance.now() - began) / 1000;
      const left = Math.max(0, Math.ceil(minutes * 60 - seconds));
      this.progress.show(`${left} s left · ${doing}`, Math.min(1, seconds / (minutes * 60)));
    };
    const timer = setInterval(tick, TICK);
    tick();
    this.controller = new AbortController();
    this.running = true;
    try {
      this.session = await runSession({
        minutes,
        stages,
        sizes: SCALE[scale].sizes,
        base: PEERS ? location.href : undefined,
        signal: this.controller.signal,
        onChange: (session, event) => {
          this.session = session;
          this.setup.show(event);
          if (event.kind === 'begin') doing = `${STAGE_TITLES[event.stage].title}: ${event.title}`;
          else void this.results.show(session);
        },
      });
      await this.conclude(this.session);
    } finally {
      clearInterval(timer);
      this.progress.hide();
      this.running = false;
    }
  }

  private async conclude(session: Session): Promise<void> {
    if (session.outcomes.length === 0) return tell(session.ended ?? 'The device told nothing.', false);
    await this.results.show(session);
    const failures = failuresOf(session.outcomes).length;
    if (session.ended !== undefined) tell(`${session.ended} What was measured until then is below.`, true);
    else if (failures > 0)
      tell(`Done; ${failures === 1 ? 'one thing' : `${failures} things`} failed, see “Correctness”.`, false);
    else tell('Done. Everything that was checked is right.', true);
  }

  private set running(running: boolean) {
    this.setup.running = running;
    this.start.hidden = running;
    this.cancel.hidden = !running;
    this.tuning.enabled = !running;
    if (running) this.cancel.focus();
    else this.start.focus();
  }
}

await new BenchPage().open();
