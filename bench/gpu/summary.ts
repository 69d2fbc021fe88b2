/** @file A session on one page, in Markdown. */

import type { ClearChoice } from '../runs/choices.ts';
import type { Session } from './outcome.ts';
import { overview, type Section, type Table } from './sections.ts';

export function summary(session: Session, choices: readonly ClearChoice[]): string {
  const { title, origin, ended, facts, sections } = overview(session, choices);
  const parts = [`# ${title}`, `${origin}${ended ? ` **${ended}**` : ''}`, bullets(facts), ...sections.map(markdown)];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

const markdown = ({ title, text, table, list, note }: Section): string =>
  [`## ${title}`, text, table && tableLines(table), list && bullets(list), note].filter(Boolean).join('\n\n');

const bullets = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');

function tableLines({ header, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, i) => (i === 0 ? '---' : '---:'));
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}
