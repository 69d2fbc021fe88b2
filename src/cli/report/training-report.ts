/** @file The page about a training run: results, curves, confusion matrix, configuration; one file with everything in it. */

import { basename, resolve } from 'node:path';
import { counted } from '../../core/words.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import type { Stream } from '../../models/definition.ts';
import { type ClassificationMetrics, overall } from '../../train/evaluate/evaluation.ts';
import type { MetricsLine } from '../../train/evaluate/metrics.ts';
import { isPretextStep, pretextResult } from '../../train/evaluate/pretext_result.ts';
import type { TrainConfig } from '../../train/run/config.ts';
import type { RunResult } from '../../train/run/run.ts';
import type { StreamPlan } from '../../train/run/stream_run.ts';
import { packageVersions } from '../machine.ts';
import { percent } from '../terminal/table.ts';
import { duration } from '../terminal/train-progress.ts';
import { clipsOf, mistakes, pretextText, STREAM_NAMES, STREAM_TITLES, TELLING_TOP5 } from './evaluation-result.ts';
import { escaped, htmlPage } from './page.ts';
import { type Chart, type Curve, chart, smoothed } from './training-curves.ts';
import { TRAINING_STYLE } from './training-report-style.ts';

export interface TrainingReport {
  readonly config: TrainConfig;
  readonly result: RunResult;
  readonly seconds: number;
  readonly adapter: string;
}

/** A matrix of more classes is no longer read; a list of mistakes is. */
const MATRIX_CLASSES = 40;
const MISTAKES = 40;

/** @throws InputError when the page cannot be written there. */
export async function writeTrainingReport(path: string, report: TrainingReport): Promise<void> {
  await writeFileAtomic(path, trainingPage(report));
}

export function trainingPage({ config, result, seconds, adapter }: TrainingReport): string {
  const { classes, skipped } = result;
  const { evaluation, split } = result.result!;
  const total = overall(evaluation);
  const plans = Object.values(result.streams);
  const facts = [
    counted(classes.length, 'class'),
    counted(plans[0]!.clips.train, 'training clip'),
    ...plans.map(
      ({ spec, steps }) =>
        `${spec.stream}: ${counted(steps, 'step')} of ${counted(config.batch * config.accumulate, 'clip')}`,
    ),
    duration(seconds),
  ];
  const name = escaped(basename(resolve(config.out)));
  return htmlPage(
    `${name}: ${percent(total.top1)}`,
    `<header>
<p class="file">${name}</p>
<h1>${percent(total.top1)} <span class="share">of ${clipsOf(total, split)}${split === 'test' ? '' : ', trained on'}</span></h1>
<p class="facts">${facts.map((fact) => `<span>${escaped(fact)}</span>`).join('')}</p>
</header>
${results(evaluation, classes)}
${pretraining(result)}
${curves(learned(result))}
${confusion(total, classes)}
${perClass(evaluation, classes)}
${skipped.length === 0 ? '' : section('Clips that could not be used', `<ul class="plain">${skipped.map(({ reason }) => `<li>${escaped(reason)}</li>`).join('')}</ul>`)}
${section('Configuration', `<details><summary>All of it, with the defaults</summary><pre>${escaped(JSON.stringify({ ...config, stages: plans[0]!.stages }, null, 2))}</pre></details>`)}
<footer>Trained on ${escaped(adapter)} by i3d-webgpu ${packageVersions().own}.</footer>`,
    TRAINING_STYLE,
  );
}

const section = (title: string, body: string): string => `<section>\n<h2>${title}</h2>\n${body}\n</section>`;

type Evaluation = NonNullable<RunResult['result']>['evaluation'];

function streamsOf(evaluation: Evaluation): (readonly [(typeof STREAM_NAMES)[number], ClassificationMetrics])[] {
  return STREAM_NAMES.flatMap((name) => {
    const found = evaluation[name];
    return found ? [[name, found] as const] : [];
  });
}

function results(evaluation: Evaluation, classes: readonly string[]): string {
  const five = classes.length > TELLING_TOP5;
  const rows = streamsOf(evaluation).map(
    ([name, { top1, top5, loss }]) =>
      `<tr><td class="chip ${name}">${STREAM_TITLES[name]}</td><td>${percent(top1)}</td>${five ? `<td>${percent(top5)}</td>` : ''}<td>${loss.toFixed(3)}</td></tr>`,
  );
  const head = `<tr><th></th><th>top-1</th>${five ? '<th>top-5</th>' : ''}<th>loss</th></tr>`;
  return section('Results', `<table class="results"><thead>${head}</thead><tbody>${rows.join('')}</tbody></table>`);
}

/** What was learnt from clips without labels, before the rest. */
function pretraining({ streams, metrics }: RunResult): string {
  const plans = Object.entries(streams) as [Stream, StreamPlan][];
  const told = plans.flatMap(([stream, plan]) => {
    const found = pretextResult(stream, plan, metrics);
    return found ? [`<li>${STREAM_TITLES[stream]}, ${escaped(pretextText(found))}</li>`] : [];
  });
  if (told.length === 0) return '';
  const own = metrics.filter((line) => isPretext(streams, line));
  const drawn = (['rgb', 'flow'] as const).flatMap((stream): Curve[] => {
    const points = pointsOf(own, stream, 'step', 'accuracy');
    return points.length === 0
      ? []
      : [
          { stream, kind: 'faint', points },
          { stream, kind: 'line', points: smoothed(points) },
        ];
  });
  const accuracy = { title: 'Accuracy of the task', curves: drawn, top: 1, format: share };
  return section(
    'Before the labels',
    `<ul class="plain">${told.join('')}</ul><div class="curves">${chart(accuracy)}</div>`,
  );
}

const isPretext = (streams: RunResult['streams'], line: MetricsLine): boolean => {
  const plan = streams[line.stream];
  return plan !== undefined && isPretextStep(plan, line);
};

const learned = ({ streams, metrics }: RunResult): readonly MetricsLine[] =>
  metrics.filter((line) => !isPretext(streams, line));

const share = (value: number): string => `${Math.round(100 * value)} %`;

type Measured = 'loss' | 'accuracy' | 'top1' | 'learningRate';

function pointsOf(
  metrics: readonly MetricsLine[],
  stream: Stream,
  kind: MetricsLine['kind'],
  key: Measured,
): [number, number][] {
  return metrics.flatMap((line): [number, number][] => {
    const value = (line as unknown as Record<string, number>)[key];
    return line.stream === stream && line.kind === kind && value !== undefined ? [[line.step, value]] : [];
  });
}

function curves(metrics: readonly MetricsLine[]): string {
  const streams = (['rgb', 'flow'] as const).filter((name) => metrics.some(({ stream }) => stream === name));
  if (streams.length === 0) return '';
  const points = (stream: Stream, kind: MetricsLine['kind'], key: Measured) => pointsOf(metrics, stream, kind, key);
  const learning = (step: 'loss' | 'accuracy', test: 'loss' | 'top1') =>
    streams.flatMap((stream): Curve[] => [
      { stream, kind: 'faint', points: points(stream, 'step', step) },
      { stream, kind: 'line', points: smoothed(points(stream, 'step', step)) },
      { stream, kind: 'dots', points: points(stream, 'evaluation', test) },
    ]);
  const charts: Chart[] = [
    { title: 'Loss', curves: learning('loss', 'loss'), format: (value) => Number(value.toPrecision(2)).toString() },
    {
      title: 'Accuracy',
      curves: learning('accuracy', 'top1'),
      top: 1,
      format: share,
    },
    {
      title: 'Learning rate',
      curves: streams.map((stream) => ({ stream, kind: 'line', points: points(stream, 'step', 'learningRate') })),
      format: (value) => Number(value.toPrecision(2)).toString(),
    },
  ];
  const tested = metrics.some(({ kind }) => kind === 'evaluation');
  const legend = streams.map((stream) => `<span class="chip ${stream}">${STREAM_TITLES[stream]}</span>`).join('');
  const keys = [
    '<span class="key">training clips, smoothed</span>',
    '<span class="key thin">as they came</span>',
    tested ? '<span class="key dot">test clips</span>' : '',
  ].join('');
  return section(
    'Learning',
    `<p class="legend">${legend}${keys}</p><div class="curves">${charts.map(chart).join('\n')}</div>`,
  );
}

function confusion(total: ClassificationMetrics, classes: readonly string[]): string {
  const title = 'What was taken for what';
  if (classes.length > MATRIX_CLASSES) {
    const items = mistakes(total, classes, MISTAKES).map(
      ({ actual, predicted, count, total: all }) =>
        `<li>${escaped(actual)} for ${escaped(predicted)}: ${count} of ${all}</li>`,
    );
    return section(title, `<ul class="plain">${items.join('')}</ul>`);
  }
  const cell = (count: number, all: number, actual: number, predicted: number): string => {
    if (count === 0) return '<td class="none">0</td>';
    const share = count / all;
    const kind = `${actual === predicted ? 'right' : 'wrong'}${share > 0.55 ? ' full' : ''}`;
    const words = `${escaped(classes[actual]!)} taken for ${escaped(classes[predicted]!)}: ${percent(share)}`;
    return `<td class="${kind}" style="--share:${Math.round(15 + 85 * share)}%" title="${words}">${count}</td>`;
  };
  const rows = total.confusion.map((row, actual) => {
    const all = row.reduce((sum, count) => sum + count, 0);
    return `<tr><th><span>${escaped(classes[actual]!)}</span></th>${row.map((count, predicted) => cell(count, all, actual, predicted)).join('')}</tr>`;
  });
  const head = classes.map((name) => `<th title="${escaped(name)}"><span>${escaped(name)}</span></th>`).join('');
  return section(
    title,
    `<p class="note">Rows are the classes of the clips, columns what they were taken for; numbers are clips.</p>
<p class="legend"><span class="key right">right</span><span class="key wrong">wrong</span><span>the stronger, the more of the class</span></p>
<div class="scroll"><table class="confusion"><thead><tr><th></th>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`,
  );
}

function perClass(evaluation: Evaluation, classes: readonly string[]): string {
  const charts = streamsOf(evaluation).map(([name, result]) => {
    const items = result.perClass.map((share, i) => {
      const value = share === null ? 'no clips' : percent(share);
      return `<li><span class="label">${escaped(classes[i]!)}</span><span class="value">${value}</span><span class="track"><span class="bar" style="width:${(100 * (share ?? 0)).toFixed(1)}%"></span></span></li>`;
    });
    return `<div class="chart ${name}"><h3>${STREAM_TITLES[name]}</h3><ol>${items.join('\n')}</ol></div>`;
  });
  return section('Each class', `<div class="charts">${charts.join('\n')}</div>`);
}
