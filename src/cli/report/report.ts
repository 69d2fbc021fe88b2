/** @file The report page: one file with everything in it, for a browser with light or dark colours. */

import { basename } from 'node:path';
import { counted } from '../../core/words.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import { type Scored, topK } from '../../models/scores.ts';
import { packageVersions } from '../machine.ts';
import { percent, seconds } from '../terminal/table.ts';
import { escaped, htmlPage } from './page.ts';
import { type Classification, modelLine, timings } from './result.ts';
import { type SamplePicture, type Sampler, wheelPicture } from './samples.ts';

/** @throws InputError when the page cannot be written there. */
export async function writeReport(path: string, result: Classification, sampler: Sampler): Promise<void> {
  const { pictures, maxLength } = await sampler.pictures();
  const legend = result.streams.flow ? { wheel: await wheelPicture(), maxLength } : undefined;
  await writeFileAtomic(path, page(result, pictures, legend));
}

interface FlowLegend {
  readonly wheel: string;
  readonly maxLength: number;
}

function page(result: Classification, pictures: readonly SamplePicture[], legend: FlowLegend | undefined): string {
  const { top, input, frames, width, height, fps, windows, adapter } = result;
  const name = escaped(basename(input));
  const best = top[0]!;
  const facts = [
    modelLine(result),
    `${counted(frames, 'frame')} at ${Number(fps.toFixed(2))} Hz`,
    `${width}×${height} pixels`,
    windows.length === 1 ? 'one window' : `${windows.length} windows, averaged`,
  ];
  return htmlPage(
    `${name}: ${escaped(best.label)}`,
    `<header>
<p class="file">${name}</p>
<h1>${escaped(best.label)} <span class="share">${percent(best.probability)}</span></h1>
<p class="facts">${facts.map((fact) => `<span>${escaped(fact)}</span>`).join('')}</p>
</header>
${filmStrip(result, pictures, legend)}
${charts(result)}
${timeline(result)}
<footer>Computed on ${escaped(adapter)} by i3d-webgpu ${packageVersions().own}.</footer>`,
  );
}

function filmStrip(
  { fps }: Classification,
  pictures: readonly SamplePicture[],
  legend: FlowLegend | undefined,
): string {
  const figures = pictures.map(({ frame, rgb, flow }) => {
    const images = [
      rgb && `<img src="${rgb}" alt="frame ${frame}">`,
      flow && `<img src="${flow}" alt="flow of frame ${frame}">`,
    ];
    return `<figure>${images.filter(Boolean).join('')}<figcaption>${seconds(frame / fps)}</figcaption></figure>`;
  });
  const key =
    legend &&
    `<p class="legend"><img src="${legend.wheel}" alt=""><span>Flow: the colour is the direction of motion, its strength the distance to the next frame; full colour is ${legend.maxLength.toFixed(1)} px.</span></p>`;
  return `<section>
<h2>What the network saw</h2>
<div class="film">${figures.join('')}</div>
${key ?? ''}
</section>`;
}

function charts({ streams, logits, labels, top }: Classification): string {
  const both = streams.rgb !== undefined && streams.flow !== undefined;
  const best = top[0]!.index;
  const chart = (title: string, kind: string, scores: readonly Scored[]): string => `<div class="chart ${kind}">
<h3>${title}</h3>
<ol>${scores
    .map(
      ({ index, label, logit, probability }) => `<li${index === best ? ' class="best"' : ''}>
<span class="label">${escaped(label)}</span><span class="value" title="logit ${logit.toFixed(3)}">${percent(probability)}</span>
<span class="track"><span class="bar" style="width:${(100 * probability).toFixed(2)}%"></span></span></li>`,
    )
    .join('')}</ol>
</div>`;
  const parts = [
    streams.rgb && chart('RGB', 'rgb', topK(streams.rgb, labels, top.length)),
    streams.flow && chart('Flow', 'flow', topK(streams.flow, labels, top.length)),
    both && chart('Both together', 'fused', topK(logits, labels, top.length)),
  ];
  return `<section>
<h2>Classes</h2>
<div class="charts">${parts.filter(Boolean).join('\n')}</div>
</section>`;
}

const PHASES: Readonly<Record<string, string>> = {
  decode: 'reading the clip',
  prepare: 'weights and device',
  flow: 'optical flow',
  compile: 'compiling',
  run: 'running the network',
};

/** A bar for each phase on one scale, since most of them go on at the same time. */
function timeline(result: Classification): string {
  const { total = 0, ...phases } = timings(result);
  const items = Object.entries(phases).map(
    ([
      phase,
      value,
    ]) => `<li><span class="label">${PHASES[phase] ?? phase}</span><span class="value">${seconds(value)}</span>
<span class="track"><span class="bar ${phase}" style="width:${((100 * value) / Math.max(total, value, 1e-9)).toFixed(2)}%"></span></span></li>`,
  );
  return `<section>
<h2>Time</h2>
<p class="note">${seconds(total)} in all. What is listed goes on at the same time where it can, so the sum may be more than that.</p>
<div class="chart"><ol>${items.join('\n')}</ol></div>
</section>`;
}
