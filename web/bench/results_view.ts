/** @file What a session has found, as it comes: the numbers that matter most, then all tables and charts, and what to do with them. */

import { strToU8, zipSync } from 'fflate';
import type { BarChart } from '../../bench/chart.ts';
import { digits } from '../../bench/format.ts';
import type { SessionFile } from '../../bench/gpu/files.ts';
import { resultsOf, type Session } from '../../bench/gpu/outcome.ts';
import type { Section } from '../../bench/gpu/sections.ts';
import { byId, h } from '../shared/dom.ts';
import { saveBlob } from '../shared/save.ts';
import type { SessionReport } from './messages.ts';
import type { Reporter } from './reporter.ts';
import { chartElement, Parts, sectionElement } from './section_view.ts';

type Part = { readonly section: Section } | { readonly chart: BarChart };

/** Between two reports. Milliseconds. */
const PAUSE = 700;

export class ResultsView {
  private readonly parts = new Parts(byId('sections', HTMLElement));
  private files: readonly SessionFile[] = [];
  private newest: Session | undefined;
  private working: Promise<void> | undefined;

  /** @param tell Shows a sentence. */
  constructor(
    private readonly reporter: Reporter,
    private readonly tell: (text: string, told: boolean) => void,
  ) {
    byId('copy', HTMLButtonElement).addEventListener('click', () => void this.copy());
    byId('save-json', HTMLButtonElement).addEventListener('click', () => {
      const file = this.files.find(({ name }) => name.startsWith('gpu-'));
      if (file) saveText(file);
    });
    byId('save', HTMLButtonElement).addEventListener('click', () => this.saveAll());
  }

  /** What comes faster than it can be shown is left out. Settles when this session or a newer one is shown. */
  async show(session: Session): Promise<void> {
    this.newest = session;
    this.working ??= this.work().finally(() => {
      this.working = undefined;
    });
    await this.working;
  }

  private async work(): Promise<void> {
    while (this.newest) {
      const session = this.newest;
      this.newest = undefined;
      try {
        this.draw(session, await this.reporter.session(session));
      } catch (error) {
        this.tell(error instanceof Error ? error.message : String(error), false);
      }
      // Reports take their share of the processor that measures.
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  private draw(session: Session, { overview, charts, beside, files }: SessionReport): void {
    const { title, origin, ended, sections } = overview;
    byId('results', HTMLElement).hidden = false;
    byId('result-title', HTMLElement).textContent = `Results: ${title}`;
    byId('result-origin', HTMLElement).textContent = [origin, ended].filter(Boolean).join(' ');
    byId('tiles', HTMLElement).replaceChildren(...tiles(session));
    this.files = files;
    byId('files', HTMLElement).replaceChildren(
      'Files: ',
      ...files.flatMap((file, i) => [i > 0 ? ', ' : '', link(file)]),
    );
    const parts: [string, Part][] = [];
    for (const section of beside ? [beside, ...sections] : sections) {
      parts.push([section.title, { section }]);
      for (const { name, chart } of charts) {
        if (section.chart === name) parts.push([`${name} chart`, { chart }]);
      }
    }
    const placed = new Set(parts.map(([key]) => key));
    // A chart whose table is not there, such as that of kernels without a clear choice.
    for (const { name, chart } of charts) {
      if (!placed.has(`${name} chart`)) parts.push([`${name} chart`, { chart }]);
    }
    this.parts.show(parts, (part) => {
      const element = 'section' in part ? sectionElement(part.section) : chartElement(part.chart);
      element.classList.add('card');
      return element;
    });
  }

  /** The summary as it goes into a report of an issue. */
  private async copy(): Promise<void> {
    const text = `${this.files[0]?.text ?? ''}\nBrowser: ${navigator.userAgent}\n`;
    try {
      await navigator.clipboard.writeText(text);
      this.tell('The summary is in the clipboard, as Markdown.', true);
    } catch {
      this.tell('The browser does not let this page write to the clipboard: save the summary instead.', false);
    }
  }

  private saveAll(): void {
    const zip = zipSync(Object.fromEntries(this.files.map(({ name, text }) => [name, strToU8(text)])));
    const name = this.files[0]!.name.replace(/^summary-/, 'bench-').replace(/\.md$/, '.zip');
    saveBlob(new Blob([zip as Uint8Array<ArrayBuffer>], { type: 'application/zip' }), name);
  }
}

/** A file behind a button that reads as a link. */
function link(file: SessionFile): HTMLElement {
  const button = h('button', { type: 'button', class: 'link' }, file.name);
  button.addEventListener('click', () => saveText(file));
  return button;
}

const saveText = ({ name, text }: SessionFile): void =>
  saveBlob(new Blob([text], { type: 'application/octet-stream' }), name);

/** What one would tell others first. */
function tiles({ outcomes }: Session): HTMLElement[] {
  const [peaks] = resultsOf(outcomes, 'peaks');
  const models = resultsOf(outcomes, 'models').map(({ record }) => record);
  const flow = resultsOf(outcomes, 'flow').sort((a, b) => a.msPerPair - b.msPerPair)[0];
  const fastest = [...models].sort((a, b) => a.ms / a.frames - b.ms / b.frames)[0];
  const rate = (gflops: number): [string, string] =>
    gflops < 1000 ? [digits(gflops), 'GFLOP/s'] : [digits(gflops / 1000), 'TFLOP/s'];
  const list: [label: string, value: string, unit: string][] = [];
  if (peaks) {
    list.push(['multiply-adds, f32', ...rate(peaks.gflops)]);
    if (peaks.halfGflops !== undefined) list.push(['multiply-adds, f16', ...rate(peaks.halfGflops)]);
    list.push(['memory, copied', digits(peaks.gbs), 'GB/s']);
  }
  if (fastest) {
    list.push([`${fastest.frames} frames, ${fastest.accuracy}`, digits(fastest.ms), 'ms']);
    list.push(['recognition', digits((1000 * fastest.frames) / fastest.ms), 'frames/s']);
    if (peaks) list.push(['of the peak', digits((100 * fastest.gflops) / peaks.gflops), '%']);
  }
  if (flow) list.push([`flow, ${flow.preset}, ${flow.width}×${flow.height}`, digits(1000 / flow.msPerPair), 'pairs/s']);
  return list.map(([label, value, unit]) =>
    h('div', {}, h('dt', {}, label), h('dd', {}, h('span', { class: 'value' }, value), ' ', h('small', {}, unit))),
  );
}
