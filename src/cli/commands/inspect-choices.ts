/** @file Why each node of a plan is computed by the kernel that it is: what was considered, and what was expected of it. */

import type { ChosenBy } from '../../graph/choose.ts';
import type { PlanRow } from '../../graph/plan.ts';
import { braces, type Column, table } from '../terminal/table.ts';

/** Kernels of a node that are listed; what is further behind is counted. */
const LISTED = 5;

/**
 * A table with the chosen kernel of each node, why it was taken, and the others that come next by their estimates.
 * @param msOf What a node took, where that was measured. Milliseconds.
 */
export function choicesTable(rows: readonly PlanRow[], msOf: (row: PlanRow) => number | undefined): string {
  const timed = rows.some((row) => msOf(row) !== undefined);
  const columns: Column[] = [
    { title: 'node' },
    { title: '' },
    { title: 'kernel' },
    { title: 'estimated ms', align: 'right' },
    ...(timed ? [{ title: 'measured ms', align: 'right' } as const] : []),
    { title: 'why' },
  ];
  return table(
    columns,
    rows.flatMap((row) => rowsOf(row, timed ? (msOf(row) ?? 0) : undefined)),
  );
}

function rowsOf(row: PlanRow, measured: number | undefined): string[][] {
  const { considered, kernel, chosenBy } = row;
  const chosen = considered.find((one) => one.kernel === kernel);
  const others = considered.filter((one) => one !== chosen);
  const line = (node: string, mark: string, name: string, estimate: number | undefined, ms: string, why: string) => [
    node,
    mark,
    name,
    millis(estimate),
    ...(measured === undefined ? [] : [ms]),
    why,
  ];
  const because = considered.length === 1 && chosen ? 'there is no other' : reason(chosenBy);
  const lines = [
    line(braces(row.node.split(' + ')), '▸', kernel, chosen?.estimate, measured?.toFixed(2) ?? '', because),
    ...others.slice(0, LISTED - 1).map((other) => {
      const behind = chosen?.estimate && other.estimate ? compared(other.estimate / chosen.estimate) : '';
      return line('', '', other.kernel, other.estimate, '', [behind, ...other.against].filter(Boolean).join('; '));
    }),
  ];
  const left = others.length - (LISTED - 1);
  if (left > 0) lines.push(line('', '', `and ${left} more`, undefined, '', ''));
  return lines;
}

/** In words. */
function reason(chosenBy: ChosenBy): string {
  switch (chosenBy.by) {
    case 'name':
      return 'asked for by name';
    case 'tuning':
      return `fastest when tuned here: ${chosenBy.ms.toFixed(2)} ms`;
    case 'table':
      return `fastest in a table that comes along, measured on ${chosenBy.measured}`;
    case 'estimate':
      return 'best estimate';
  }
}

const millis = (micros: number | undefined): string => (micros === undefined ? '' : (micros / 1000).toPrecision(3));

const compared = (ratio: number): string =>
  ratio >= 10
    ? `${ratio.toFixed(0)} times as long`
    : `${ratio < 1 ? '−' : '+'}${Math.abs(100 * (ratio - 1)).toFixed(0)} %`;
