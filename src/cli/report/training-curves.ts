/** @file Curves of training as SVG, coloured by the page that they are on. */

import type { Stream } from '../../models/definition.ts';
import { niceTop } from './line-chart.ts';
import { escaped } from './page.ts';

export interface Curve {
  readonly stream: Stream;
  /** `line` is what is to be read, `faint` what it is the mean of, `dots` are single measurements. */
  readonly kind: 'line' | 'faint' | 'dots';
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** From 0 to here; to the largest value where left out. */
  readonly top?: number;
  format(value: number): string;
}

const WIDTH = 330;
const HEIGHT = 190;
const [LEFT, RIGHT, ABOVE, BELOW] = [40, 4, 8, 22];
/** More points than this would only make the file larger. */
const POINTS = 240;

/** A chart over steps. */
export function chart({ title, curves, top, format }: Chart): string {
  const lines = curves.map((curve) => ({
    ...curve,
    points: curve.kind === 'dots' ? curve.points : thinned(curve.points),
  }));
  const all = lines.flatMap(({ points }) => points);
  if (all.length === 0) return '';
  const right = Math.max(1, ...all.map(([x]) => x));
  const highest =
    top ??
    niceTop(
      Math.max(...lines.filter(({ kind }) => kind !== 'faint').flatMap(({ points }) => points.map(([, y]) => y))),
    );
  const place = ([x, y]: readonly [number, number]): string =>
    `${round(LEFT + (x / right) * (WIDTH - LEFT - RIGHT))},${round(HEIGHT - BELOW - Math.min(1.05, y / highest) * (HEIGHT - ABOVE - BELOW))}`;
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = round(HEIGHT - BELOW - share * (HEIGHT - ABOVE - BELOW));
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/><text x="${LEFT - 8}" y="${y + 4}" text-anchor="end">${escaped(format(share * highest))}</text>`;
  });
  const drawn = lines.map(({ stream, kind, points }) => {
    if (kind !== 'dots') return `<polyline class="${stream} ${kind}" points="${points.map(place).join(' ')}"/>`;
    const circles = points.map((point) => {
      const [x, y] = place(point).split(',');
      return `<circle cx="${x}" cy="${y}" r="3.5"><title>step ${point[0]}: ${escaped(format(point[1]))}</title></circle>`;
    });
    return `<g class="${stream} dots">${circles.join('')}</g>`;
  });
  return `<figure class="curve"><figcaption>${escaped(title)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">${grid.join('')}
<text x="${LEFT}" y="${HEIGHT - 6}">0</text><text x="${WIDTH - RIGHT}" y="${HEIGHT - 6}" text-anchor="end">step ${right}</text>
${drawn.join('\n')}</svg></figure>`;
}

/** Exponential mean, corrected for its start. */
export function smoothed(points: Curve['points'], newest = 0.08): [number, number][] {
  let [sum, weight] = [0, 0];
  return points.map(([x, y]) => {
    sum = (1 - newest) * sum + newest * y;
    weight = (1 - newest) * weight + newest;
    return [x, sum / weight];
  });
}

/** Means of neighbours; the first and the last point stay. */
function thinned(points: Curve['points']): Curve['points'] {
  if (points.length <= POINTS) return points;
  const size = points.length / POINTS;
  const buckets = Array.from({ length: POINTS }, (_, i) =>
    points.slice(Math.floor(i * size), Math.floor((i + 1) * size)),
  );
  const means = buckets.map((bucket): [number, number] => [
    bucket.reduce((sum, [x]) => sum + x, 0) / bucket.length,
    bucket.reduce((sum, [, y]) => sum + y, 0) / bucket.length,
  ]);
  return [points[0]!, ...means.slice(1, -1), points.at(-1)!];
}

const round = (value: number): number => Math.round(value * 10) / 10;
