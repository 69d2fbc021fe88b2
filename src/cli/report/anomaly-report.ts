/** @file The page of anomaly scores: of each video its scores over time, and the frames below them. */

import { writeFileAtomic } from '../../io/atomic.ts';
import { openFrames } from '../../io/video.ts';
import { packageVersions } from '../machine.ts';
import type { Session } from '../session.ts';
import { sentence } from '../terminal/errors.ts';
import { clock } from '../terminal/table.ts';
import { escaped, htmlPage } from './page.ts';
import { dataUrl } from './samples.ts';

export interface ShownVideo {
  readonly name: string;
  readonly path: string;
  /** Frames per second (Hz) at which features were made. */
  readonly fps: number;
  readonly frames: number;
  readonly highest: number;
  /** Seconds, and 0 … 1. */
  readonly segments: readonly { readonly from: number; readonly to: number; readonly score: number }[];
}

interface Picture {
  readonly time: number;
  readonly url: string;
}

/** Frames of a video. */
const PICTURES = 8;
/** Of a frame, pixels. */
const SHORT_SIDE = 96;

/** Videos are decoded once more for their frames; what cannot be decoded any more is shown without. */
export async function writeAnomalyReport(path: string, videos: readonly ShownVideo[], session: Session): Promise<void> {
  const sections: string[] = [];
  for (const [i, video] of videos.entries()) {
    session.progress.count('looking up frames', i, videos.length);
    const pictures = await picturesOf(video).catch((error: unknown) => {
      session.warn(`${video.name} is shown without frames: ${sentence(error)}`);
      return [];
    });
    sections.push(section(video, pictures));
  }
  session.progress.clear();
  await writeFileAtomic(path, page(sections));
}

async function picturesOf({ path, fps, frames }: ShownVideo): Promise<Picture[]> {
  const source = await openFrames(path, { fps, maxShortSide: SHORT_SIDE });
  try {
    const wanted = new Set(Array.from({ length: PICTURES }, (_, i) => Math.floor(((i + 0.5) * frames) / PICTURES)));
    const pictures: Picture[] = [];
    let number = 0;
    for await (const { data, width, height } of source.frames()) {
      if (wanted.has(number)) {
        pictures.push({ time: number / fps, url: await dataUrl(data, width, height) });
      }
      if (++number >= frames) break;
    }
    return pictures;
  } finally {
    await source.close();
  }
}

const OWN_STYLE = `
.curve { display: block; width: 100%; height: auto; margin: 10px 0 14px; }
.curve .area { fill: var(--rgb); fill-opacity: 0.25; }
.curve .line { fill: none; stroke: var(--rgb); stroke-width: 2; }
.curve .grid { stroke: var(--line); }
.curve text { fill: var(--soft); font: 11px system-ui, sans-serif; }`;

function page(sections: readonly string[]): string {
  return htmlPage(
    'Anomaly scores',
    `<header>
<p class="file">highest first</p>
<h1>Anomaly scores</h1>
</header>
${sections.join('\n')}
<footer>Made by i3d-webgpu ${packageVersions().own}. A score says how much a segment is like what is found in videos of the abnormal kind alone, 0 to 1.</footer>`,
    OWN_STYLE,
  );
}

function section(video: ShownVideo, pictures: readonly Picture[]): string {
  const figures = pictures.map(
    ({ time, url }) =>
      `<figure><img src="${url}" alt="frame at ${clock(time)}"><figcaption>${clock(time)}</figcaption></figure>`,
  );
  return `<section>
<p class="file">${escaped(video.name)}</p>
<p class="facts"><span>${clock(video.frames / video.fps)}</span><span>highest score ${video.highest.toFixed(3)}</span></p>
${curve(video)}
<div class="film">${figures.join('')}</div>
</section>`;
}

const [WIDTH, HEIGHT, LEFT, BELOW] = [1000, 140, 30, 20] as const;

/** Steps: a segment has one score. */
function curve({ segments, frames, fps }: ShownVideo): string {
  const end = Math.max(frames / fps, 1e-9);
  const x = (time: number): string => (LEFT + (time / end) * (WIDTH - LEFT)).toFixed(1);
  const y = (score: number): string => ((1 - score) * (HEIGHT - BELOW - 8) + 8).toFixed(1);
  const points = segments.flatMap(({ from, to, score }, i) => {
    // Where segments share frames, each takes its part of them.
    const until = segments[i + 1]?.from ?? to;
    return [`${x(from)},${y(score)}`, `${x(Math.max(until, from))},${y(score)}`];
  });
  const grid = [0, 0.5, 1].map(
    (value) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${y(value)}" y2="${y(value)}"/><text x="0" y="${Number(y(value)) + 4}">${value}</text>`,
  );
  const area = `<polygon class="area" points="${x(segments[0]!.from)},${y(0)} ${points.join(' ')} ${x(segments.at(-1)!.to)},${y(0)}"/>`;
  return `<svg class="curve" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"><title>Scores over time</title>${grid.join('')}${area}<polyline class="line" points="${points.join(' ')}"/><text x="${LEFT}" y="${HEIGHT - 4}">0:00</text><text x="${WIDTH}" y="${HEIGHT - 4}" text-anchor="end">${clock(end)}</text></svg>`;
}
