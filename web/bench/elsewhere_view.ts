/** @file Results that were measured elsewhere: those that ship, and files that are dropped here. */

import type { ResultView } from '../../bench/result_view.ts';
import { byId, h } from '../shared/dom.ts';
import { dropZone } from '../shared/drop_zone.ts';
import type { Reporter } from './reporter.ts';
import { chartElement, sectionElement } from './section_view.ts';

/** The shipped files by path, each loaded when it is wanted. */
const SHIPPED = import.meta.glob<string>('../../bench/results/*.json', { query: '?raw', import: 'default' });

/** In which order people want to see them, by how their names begin. */
const ORDER = ['peers', 'model', 'kernels', 'flow', 'train', 'weizmann', 'isa'];

const rank = (name: string): number => {
  const found = ORDER.findIndex((start) => name.startsWith(start));
  return found < 0 ? ORDER.length : found;
};

interface ElsewhereOptions {
  readonly reporter: Reporter;
  readonly tell: (text: string, told: boolean) => void;
  /** After a file was added, that a session may be shown beside it. */
  readonly onFile: () => void;
}

/** Settles when the shipped files are there. */
export async function mountElsewhere({ reporter, tell, onFile }: ElsewhereOptions): Promise<void> {
  const list = byId('shipped', HTMLElement);
  dropZone({
    target: byId('elsewhere', HTMLElement),
    input: byId('open', HTMLInputElement),
    onFiles(files) {
      for (const file of files) {
        file
          .text()
          .then((text) => reporter.file(file.name, text))
          .then((view) => {
            const element = resultElement(view, file.name);
            element.open = true;
            list.prepend(element);
            onFile();
          })
          .catch((error: unknown) => tell(error instanceof Error ? error.message : String(error), false));
      }
    },
  });
  const files = Object.entries(SHIPPED)
    .map(([path, load]) => ({ name: path.split('/').at(-1)!, load }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name));
  for (const { name, load } of files) list.append(resultElement(await reporter.file(name, await load()), name));
}

/** Closed; what is in it is made when it is opened. */
function resultElement({ title, origin, sections, charts }: ResultView, name: string): HTMLDetailsElement {
  const body = h('div', { class: 'body' });
  const element = h(
    'details',
    { 'data-file': name },
    h('summary', {}, h('span', {}, title), h('small', {}, origin)),
    body,
  );
  element.addEventListener('toggle', () => {
    if (!element.open || body.childElementCount > 0) return;
    body.append(
      ...charts.map(({ chart }) => chartElement(chart)),
      ...sections.map((section) => sectionElement(section, title)),
    );
  });
  return element;
}
