/** @file Headings, tables and charts of the bench as elements. */

import { type BarChart, inlineBarChart } from '../../bench/chart.ts';
import type { Section, Table } from '../../bench/gpu/sections.ts';
import { h } from '../shared/dom.ts';

/** What stands between backticks is code. */
function text(content: string): (string | HTMLElement)[] {
  return content.split('`').map((part, i) => (i % 2 === 0 ? part : h('code', {}, part)));
}

/** A column is one of numbers where every cell that says something begins with a digit. */
function isNumeric({ rows }: Table, column: number): boolean {
  const cells = rows.map((row) => row[column] ?? '').filter(Boolean);
  return cells.length > 0 && cells.every((cell) => /^[\d–✗−-]/.test(cell));
}

export function tableElement(table: Table, caption: string): HTMLElement {
  const { header, rows } = table;
  const numeric = header.map((_, i) => i > 0 && isNumeric(table, i));
  const kind = (i: number): string | undefined => (numeric[i] ? 'number' : undefined);
  const head = header.map((name, i) => h('th', { scope: 'col', class: kind(i) }, name));
  const body = rows.map((row) =>
    h(
      'tr',
      {},
      ...row.map((cell, i) => (i === 0 ? h('th', { scope: 'row' }, cell) : h('td', { class: kind(i) }, cell))),
    ),
  );
  return h(
    'div',
    // It scrolls sideways on narrow pages, so the keyboard has to reach it.
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h('table', {}, h('thead', {}, h('tr', {}, ...head)), h('tbody', {}, ...body)),
  );
}

/** @param named Its name where its title says none. */
export function sectionElement({ title, text: before, table, list, note }: Section, named = title): HTMLElement {
  return h(
    'section',
    { class: 'part' },
    title !== '' && h('h3', {}, title),
    before !== undefined && h('p', {}, ...text(before)),
    table && tableElement(table, title || named),
    list && h('ul', {}, ...list.map((line) => h('li', {}, ...text(line)))),
    note !== undefined && h('p', { class: 'note' }, ...text(note)),
  );
}

/** Drawn anew at each width that it is given. */
export function chartElement(chart: BarChart): HTMLElement {
  const picture = h('div', { class: 'picture' });
  const draw = (width: number): void => {
    if (width < 1) return;
    const svg = new DOMParser().parseFromString(inlineBarChart(chart, Math.floor(width)), 'image/svg+xml');
    picture.replaceChildren(document.importNode(svg.documentElement, true));
  };
  new ResizeObserver(([entry]) => draw(entry!.contentRect.width)).observe(picture);
  return h(
    'figure',
    { class: 'part' },
    h('figcaption', {}, h('h3', {}, chart.title), h('p', { class: 'note' }, chart.note)),
    picture,
  );
}

/** Elements by key, of which only those are made anew whose content is another one: what was scrolled or opened stays so. */
export class Parts {
  private readonly known = new Map<string, { readonly content: string; readonly element: HTMLElement }>();

  constructor(private readonly parent: HTMLElement) {}

  show<T>(parts: readonly (readonly [key: string, content: T])[], make: (content: T) => HTMLElement): void {
    const keys = new Set(parts.map(([key]) => key));
    for (const [key, { element }] of this.known) {
      if (keys.has(key)) continue;
      element.remove();
      this.known.delete(key);
    }
    let before: Element | null = this.parent.firstElementChild;
    for (const [key, content] of parts) {
      const text = JSON.stringify(content);
      const known = this.known.get(key);
      const element = known?.content === text ? known.element : make(content);
      if (known && known.element !== element) {
        if (before === known.element) before = known.element.nextElementSibling;
        known.element.remove();
      }
      this.known.set(key, { content: text, element });
      if (before === element) before = element.nextElementSibling;
      else this.parent.insertBefore(element, before);
    }
  }
}
