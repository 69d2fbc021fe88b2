/** @file How good models are, as a table or as JSON. */

import { counted } from '../../core/words.ts';
import type { ModelsEvaluation } from '../../train/evaluate/evaluate_models.ts';
import { type ClassificationMetrics, overall } from '../../train/evaluate/evaluation.ts';
import type { PretextResult } from '../../train/evaluate/pretext_result.ts';
import { percent, table } from '../terminal/table.ts';

export const STREAM_TITLES = { rgb: 'RGB', flow: 'flow', fused: 'both' } as const;
export const STREAM_NAMES = ['rgb', 'flow', 'fused'] as const;

/** Where more than so many classes are, being among the best five says something. */
export const TELLING_TOP5 = 10;

/** The fields of both streams together, or of the only one; then those of each. */
export function evaluationJson({ evaluation, split, skipped }: ModelsEvaluation, classes: readonly string[]): object {
  return { classes, split, ...overall(evaluation), ...evaluation, skipped };
}

/** One row for each stream. */
export function evaluationTable({ evaluation }: ModelsEvaluation, classes: readonly string[]): string {
  const five = classes.length > TELLING_TOP5;
  const rows = STREAM_NAMES.flatMap((name) => {
    const result = evaluation[name];
    return result
      ? [[STREAM_TITLES[name], percent(result.top1), ...(five ? [percent(result.top5)] : []), result.loss.toFixed(3)]]
      : [];
  });
  const titles = ['top-1', ...(five ? ['top-5'] : []), 'loss'];
  return table([{ title: '' }, ...titles.map((title) => ({ title, align: 'right' as const }))], rows);
}

/** `before the labels: how fast a clip runs, told of 61.0 % of 40 clips without labels (33.3 % by chance)`. */
export const pretextText = ({ title, accuracy, clips, chance }: PretextResult): string =>
  `before the labels: ${title}, told of ${percent(accuracy)} of ${counted(clips, 'clip')} without labels (${percent(chance)} by chance)`;

/** `36 test clips`, `1 clip`. */
export function clipsOf({ clips }: ClassificationMetrics, split: ModelsEvaluation['split']): string {
  const which = split === 'all' ? '' : `${split === 'train' ? 'training' : split} `;
  return counted(clips, `${which}clip`);
}

/** The classes that are mistaken for each other most often. */
export function mistakes({ confusion }: ClassificationMetrics, classes: readonly string[], most: number) {
  const found = confusion.flatMap((row, actual) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    return row.flatMap((count, predicted) =>
      count > 0 && predicted !== actual
        ? [{ actual: classes[actual]!, predicted: classes[predicted]!, count, total }]
        : [],
    );
  });
  return found.sort((a, b) => b.count - a.count).slice(0, most);
}
