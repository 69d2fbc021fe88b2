/** @file Tuning in a worker: every kernel of a network's layers is timed, and the fastest is kept in the browser as it is found. */

import { reasonOf } from '../../bench/gpu/runner.ts';
import { networkName } from '../../bench/i3d.ts';
import { MODELS } from '../../src/catalogue.ts';
import type { TuningRecord, TuningStore, TuningTable } from '../../src/core/tuning.ts';
import { Gpu } from '../../src/gpu/device.ts';
import { type DeviceSource, onDevice } from '../../src/gpu/recover.ts';
import { type TuneProgress, tune } from '../../src/graph/tuner.ts';
import { modelGraph, OUTPUTS } from '../../src/models/graph.ts';
import { zeroParameters } from '../../src/models/parameters.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { sharedTuning } from '../shared/tuning.ts';
import type { TuneMessage, TuneOrder } from './messages.ts';
import type { NetworkShape } from './networks.ts';

/** Tunes what is not known yet, until the time is over; every problem is stored as soon as it is done. */
export async function tuneNetworks(
  { networks, budget }: TuneOrder,
  tell: (message: TuneMessage) => void,
): Promise<{ readonly left: number; readonly adapter: string }> {
  const deadline = performance.now() + budget;
  const device = deviceSource();
  const results = await Results.open(tell);
  let left = 0;
  try {
    for (const shape of networks) left += await tuneNetwork(shape, { source: device.source, deadline, results, tell });
    return { left, adapter: (await device.source()).profile.description };
  } finally {
    device.dispose();
  }
}

/** One device until it is lost, then another. */
function deviceSource(): { readonly source: DeviceSource; dispose(): void } {
  let current: Gpu | undefined;
  return {
    async source() {
      if (current) return current;
      const gpu = await Gpu.create(navigator.gpu);
      current = gpu;
      gpu.lost.catch(() => {
        if (current === gpu) current = undefined;
      });
      return gpu;
    },
    dispose: () => current?.dispose(),
  };
}

/** What is known, stored as it comes. Where the browser keeps nothing, that is said once, and measuring goes on. */
class Results {
  private keeps = true;

  private constructor(
    private readonly store: TuningStore,
    readonly known: Record<string, TuningRecord>,
    private readonly tell: (message: TuneMessage) => void,
  ) {}

  static async open(tell: (message: TuneMessage) => void): Promise<Results> {
    const store = sharedTuning();
    return new Results(store, { ...(await store.load()) }, tell);
  }

  async add(records: TuningTable): Promise<void> {
    Object.assign(this.known, records);
    if (!this.keeps) return;
    try {
      await this.store.add(records);
    } catch (error) {
      this.keeps = false;
      this.tell({
        kind: 'warning',
        text: `This browser keeps nothing here, so nothing is used later: ${reasonOf(error)}`,
      });
    }
  }
}

interface TuneContext {
  readonly source: DeviceSource;
  readonly deadline: number;
  readonly results: Results;
  readonly tell: (message: TuneMessage) => void;
}

/** @returns How many problems were not finished. */
async function tuneNetwork(shape: NetworkShape, { source, deadline, results, tell }: TuneContext): Promise<number> {
  const { architecture, stream } = shape;
  const spec = modelSpec({ ...shape, architecture: MODELS.get(architecture) });
  const graph = modelGraph(spec, { frames: spec.frames, height: spec.size, width: spec.size });
  const parameters = zeroParameters(spec);
  const network = `${networkName(shape)} ${stream}`;
  let last: TuneProgress | undefined;
  /** What a device was lost over. */
  const fatal = new Set<string>();
  await onDevice(source, async (gpu) => {
    if (last?.candidate) {
      fatal.add(`${last.problem} ${last.candidate}`);
      tell({
        kind: 'warning',
        text: `The device was lost over ${last.candidate} for ${layerOf(last)}, which is left out.`,
      });
    }
    await tune(graph, gpu, parameters, {
      outputs: [OUTPUTS.logits],
      tuning: results.known,
      budget: Math.max(0, deadline - performance.now()),
      skip: (problem, candidate) => fatal.has(`${problem} ${candidate}`),
      onProgress(progress) {
        last = progress;
        const { candidate, done, total } = progress;
        tell({ kind: 'tuning', network, layer: layerOf(progress), candidate, done, total });
      },
      async onRecord(records) {
        await results.add(records);
        tell({ kind: 'tuned', records });
      },
    });
  });
  return last ? last.total - last.done : 0;
}

/** Merged siblings by the first one's name. */
const layerOf = ({ node }: TuneProgress): string => node.split(' + ')[0]!;
