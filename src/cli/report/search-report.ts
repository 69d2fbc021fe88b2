/** @file The page of a search: the frames of what was found, best first. */

import { writeFileAtomic } from '../../io/atomic.ts';
import { packageVersions } from '../machine.ts';
import type { Hit } from '../search/ranking.ts';
import { clock } from '../terminal/table.ts';
import { escaped, htmlPage } from './page.ts';
import type { SamplePicture } from './samples.ts';

export interface ShownHit extends Hit {
  readonly pictures: readonly SamplePicture[];
  /** Of the numbers of its frames (Hz). */
  readonly fps: number;
}

/** @throws InputError when the page cannot be written there. */
export const writeSearchReport = (
  path: string,
  query: string,
  clips: number,
  hits: readonly ShownHit[],
): Promise<void> => writeFileAtomic(path, searchPage(query, clips, hits));

function searchPage(query: string, clips: number, hits: readonly ShownHit[]): string {
  return htmlPage(
    escaped(query),
    `<header>
<p class="file">${clips === 1 ? 'one clip' : `${clips} clips`}, the ${hits.length === 1 ? 'window' : `${hits.length} windows`} that go best with</p>
<h1>${escaped(query)}</h1>
</header>
${hits.map(section).join('\n')}
<footer>Found by i3d-webgpu ${packageVersions().own}. Scores are products of two points, without a scale: they compare within one search.</footer>`,
  );
}

function section({ rank, path, from, to, score, pictures, fps }: ShownHit): string {
  const figures = pictures.map(
    ({ frame, rgb }) =>
      `<figure>${rgb ? `<img src="${rgb}" alt="frame ${frame}">` : ''}<figcaption>${clock(frame / fps)}</figcaption></figure>`,
  );
  return `<section>
<p class="file">${rank}. ${escaped(path)}</p>
<p class="facts"><span>${clock(from)} to ${clock(to)}</span><span>score ${score.toFixed(3)}</span></p>
<div class="film">${figures.join('')}</div>
</section>`;
}
