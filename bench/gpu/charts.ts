/** @file The charts of a session, of what there is. */

import type { BarChart } from '../chart.ts';
import { kernelChart, layerChart, modelChart, type PeerScore, peerChart } from '../charts.ts';
import { networkName } from '../i3d.ts';
import { resultsOf, type Session } from './outcome.ts';
import { kernelRecords, modelRecords } from './records.ts';

export interface NamedChart {
  /** A word, such as `layers`. */
  readonly name: string;
  readonly chart: BarChart;
}

export function sessionCharts(session: Session): NamedChart[] {
  const { outcomes } = session;
  const [peaks] = resultsOf(outcomes, 'peaks');
  const models = resultsOf(outcomes, 'models');
  const peers = resultsOf(outcomes, 'peers');
  const kernels = kernelRecords(session);
  const charts: NamedChart[] = [];
  if (models.length > 0) {
    const records = modelRecords(outcomes).map((record) => ({ ...record, strong: true }));
    charts.push({ name: 'models', chart: modelChart(records) });
  }
  if (models.length > 0 && peaks) {
    const frames = Math.max(...models.map(({ record }) => record.frames));
    const shown = models.filter(({ record }) => record.frames === frames);
    const title = `Layers of ${networkName(session.network)} at ${frames} frames, per cent of the peak`;
    charts.push({ name: 'layers', chart: layerChart(shown, peaks, title) });
  }
  if (peers.length > 0) {
    const scores = peers.flatMap(({ task, engine, ratio, accuracy }): Omit<PeerScore, 'adapter' | 'date'>[] => {
      const what = accuracy ? `${task} ${accuracy}` : task;
      return [
        { task: what, engine: 'i3d-webgpu', ratio: 1 },
        { task: what, engine, ratio },
      ];
    });
    const unique = new Map(scores.map((score) => [`${score.task} ${score.engine}`, { ...session, ...score }]));
    charts.push({ name: 'peers', chart: peerChart([...unique.values()], '') });
  }
  if (kernels) charts.push({ name: 'kernels', chart: kernelChart(kernels.rows, kernels.peaks, session) });
  return charts;
}
