/**
 * @file A horizontal bar chart as SVG: a file that reads well on light and dark pages, with no script and no font of its own, or a part
 * of a page that gives it its colours and its width.
 */

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
/** Narrower than this, names stand above their bars. */
const NARROW = 520;
const LEFT = 250;
const RIGHT = 70;
const BAR = 14;
const GAP = 4;
const NAME = 17;
const HEADER = 62;
const GROUP = 30;

/** Greys and blues of middle lightness keep their contrast on white and on black; browsers that know the theme do better. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #6e7781; }
  .chart-title { font-size: 15px; font-weight: 600; }
  .chart-group { font-weight: 600; }
  .chart-bar { fill: #8c959f; }
  .chart-strong { fill: #2f81f7; }
  .chart-limit { stroke: #d1803a; stroke-width: 1.5; stroke-dasharray: 4 3; }
  @media (prefers-color-scheme: light) { text { fill: #24292f; } }
  @media (prefers-color-scheme: dark) { text { fill: #d1d7de; } }`;

/** A file of its own. */
export function barChart(chart: BarChart): string {
  const { title, note } = chart;
  const { body, height } = bars(chart, WIDTH, HEADER);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escapeXml(title)}</title>
<style>${STYLE}
</style>
<text class="chart-title" x="0" y="18">${escapeXml(title)}</text>
<text x="0" y="38">${escapeXml(note)}</text>
${body}
</svg>
`;
}

/**
 * The bars alone, for a page that sets the title and the note as text and has colours for `chart-bar`, `chart-strong`, `chart-limit`.
 * @param width CSS pixels that it is shown at.
 */
export function inlineBarChart(chart: BarChart, width: number): string {
  const { body, height } = bars(chart, width, 8);
  const label = `${escapeXml(chart.title)}: ${escapeXml(chart.note)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">
${body}
</svg>
`;
}

function bars(
  { groups, limit }: BarChart,
  width: number,
  top: number,
): { readonly body: string; readonly height: number } {
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const largest = Math.max(...values, limit ?? 0, 1e-9);
  const isNarrow = width < NARROW;
  const left = isNarrow ? 0 : LEFT;
  const x = (value: number): number => Math.round((value / largest) * (width - left - RIGHT) * 10) / 10;
  const body: string[] = [];
  let y = top;
  for (const { name, bars } of groups) {
    body.push(`<text class="chart-group" x="0" y="${y + 16}">${escapeXml(name)}</text>`);
    y += GROUP - GAP;
    for (const bar of bars) {
      const end = left + x(bar.value);
      const label = escapeXml(bar.name);
      if (isNarrow) {
        body.push(`<text x="0" y="${y + 11}">${label}</text>`);
        y += NAME;
      } else body.push(`<text x="${left - 8}" y="${y + BAR - 3}" text-anchor="end">${label}</text>`);
      body.push(
        `<rect class="chart-bar${bar.strong ? ' chart-strong' : ''}" x="${left}" y="${y}" width="${x(bar.value)}" height="${BAR}" rx="2"/>` +
          `<text x="${end + 6}" y="${y + BAR - 3}">${bar.value.toPrecision(3)}</text>`,
      );
      y += BAR + GAP;
    }
    y += 6;
  }
  if (limit !== undefined) {
    const at = left + x(limit);
    body.push(`<line class="chart-limit" x1="${at}" x2="${at}" y1="${top - 8}" y2="${y}"/>`);
  }
  return { body: body.join('\n'), height: y + 8 };
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
