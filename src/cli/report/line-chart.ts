/** @file A line chart as an SVG file that reads well on light and dark pages, with no script and no font of its own. */

import { escaped } from './page.ts';

interface LineChart {
  readonly title: string;
  /** Below the title: of what, and how it was made. */
  readonly note: string;
  /** Below the horizontal axis. */
  readonly across: string;
  readonly lines: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
}

const WIDTH = 640;
const HEIGHT = 360;
const [LEFT, RIGHT, ABOVE, BELOW] = [64, 24, 76, 48];
/** Parts of the vertical axis. */
const PARTS = 4;

/** Of middle lightness, for white and black alike. */
const COLOURS = ['#2f81f7', '#d1803a', '#3fa45b', '#a371f7', '#8c959f'];

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #6e7781; }
  .title { font-size: 15px; font-weight: 600; }
  .grid { stroke: #8c959f; stroke-opacity: 0.35; }
  polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
  @media (prefers-color-scheme: light) { text { fill: #24292f; } }
  @media (prefers-color-scheme: dark) { text { fill: #d1d7de; } }`;

/** Both axes begin at 0. */
export function lineChart({ title, note, across, lines }: LineChart): string {
  const all = lines.flatMap(({ points }) => points);
  const right = Math.max(...all.map(([x]) => x), Number.MIN_VALUE);
  const top = niceTop(Math.max(...all.map(([, y]) => y), 1e-9));
  const x = (value: number) => round(LEFT + (value / right) * (WIDTH - LEFT - RIGHT));
  const y = (value: number) => round(HEIGHT - BELOW - (value / top) * (HEIGHT - ABOVE - BELOW));
  const grid = Array.from({ length: PARTS + 1 }, (_, i) => {
    const value = (i / PARTS) * top;
    return (
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>` +
      `<text x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${Number(value.toPrecision(4))}</text>`
    );
  });
  const steps = [...new Set(all.map(([value]) => value))].sort((a, b) => a - b);
  const marks = apart(steps, x).map(
    (value) =>
      `<text x="${x(value)}" y="${HEIGHT - BELOW + 18}" text-anchor="middle">${Number(value.toPrecision(3))}</text>`,
  );
  const drawn = lines.map(({ points }, i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    const dots = points.map(([a, b]) => `<circle cx="${x(a)}" cy="${y(b)}" r="3.5" fill="${colour}"/>`).join('');
    return `<polyline stroke="${colour}" points="${points.map(([a, b]) => `${x(a)},${y(b)}`).join(' ')}"/>${dots}`;
  });
  let at = LEFT;
  const names = lines.map(({ name }, i) => {
    const entry = `<circle cx="${at + 5}" cy="54" r="5" fill="${COLOURS[i % COLOURS.length]}"/><text x="${at + 16}" y="58">${escaped(name)}</text>`;
    at += 36 + name.length * 7;
    return entry;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">
<title>${escaped(title)}</title>
<style>${STYLE}
</style>
<text class="title" x="0" y="18">${escaped(title)}</text>
<text x="0" y="38">${escaped(note)}</text>
${[...names, ...grid, ...marks, ...drawn].join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escaped(across)}</text>
</svg>
`;
}

/** Those that have room for a number between them. */
function apart(steps: readonly number[], x: (value: number) => number): number[] {
  const kept: number[] = [];
  for (const step of steps) if (kept.length === 0 || x(step) - x(kept.at(-1)!) > 36) kept.push(step);
  return kept;
}

/** The next of 1, 2, 4, 5, 8 times a power of ten. */
export function niceTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 8, 10].map((digit) => digit * power).find((top) => top >= value)!;
}

const round = (value: number): number => Math.round(value * 10) / 10;
