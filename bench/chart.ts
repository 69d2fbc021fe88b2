/** @file A horizontal bar chart as SVG: readable on light and dark pages, no script, no font of its own. */

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** Drawn in the strong colour: the default, or ours among others. */
  readonly strong?: boolean;
}

export interface BarChart {
  readonly title: string;
  /** Below the title: where and when it was measured. */
  readonly note: string;
  readonly groups: readonly { readonly name: string; readonly bars: readonly Bar[] }[];
  /** A vertical line, such as the peak. */
  readonly limit?: number;
}

const WIDTH = 800;
const LEFT = 250;
const RIGHT = 70;
const BAR = 14;
const GAP = 4;
const HEADER = 62;
const GROUP = 30;

/** Greys and blues of middle lightness keep their contrast on white and on black; browsers that know the theme do better. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #6e7781; }
  .title { font-size: 15px; font-weight: 600; }
  .group { font-weight: 600; }
  .bar { fill: #8c959f; }
  .strong { fill: #2f81f7; }
  .limit { stroke: #d1803a; stroke-width: 1.5; stroke-dasharray: 4 3; }
  @media (prefers-color-scheme: light) { text { fill: #24292f; } }
  @media (prefers-color-scheme: dark) { text { fill: #d1d7de; } }`;

export function barChart({ title, note, groups, limit }: BarChart): string {
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const largest = Math.max(...values, limit ?? 0, 1e-9);
  const x = (value: number): number => Math.round((value / largest) * (WIDTH - LEFT - RIGHT) * 10) / 10;
  const body: string[] = [];
  let y = HEADER;
  for (const { name, bars } of groups) {
    body.push(`<text class="group" x="0" y="${y + 16}">${escapeXml(name)}</text>`);
    y += GROUP - GAP;
    for (const bar of bars) {
      const middle = y + BAR - 3;
      body.push(
        `<text x="${LEFT - 8}" y="${middle}" text-anchor="end">${escapeXml(bar.name)}</text>` +
          `<rect class="bar${bar.strong ? ' strong' : ''}" x="${LEFT}" y="${y}" width="${x(bar.value)}" height="${BAR}" rx="2"/>` +
          `<text x="${LEFT + x(bar.value) + 6}" y="${middle}">${bar.value.toPrecision(3)}</text>`,
      );
      y += BAR + GAP;
    }
    y += 6;
  }
  if (limit !== undefined) {
    const at = LEFT + x(limit);
    body.push(`<line class="limit" x1="${at}" x2="${at}" y1="${HEADER - 8}" y2="${y}"/>`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 8}" width="${WIDTH}" height="${y + 8}" role="img">
<title>${escapeXml(title)}</title>
<style>${STYLE}
</style>
<text class="title" x="0" y="18">${escapeXml(title)}</text>
<text x="0" y="38">${escapeXml(note)}</text>
${body.join('\n')}
</svg>
`;
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
