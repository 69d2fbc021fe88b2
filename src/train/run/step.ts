/**
 * @file One training step, compiled: forward, backward, gradient norm, clipping and update are one plan whose parameters stay
 * on the device from step to step.
 */

import type { FloatTensor, HostTensor } from '../../core/tensor.ts';
import { floatTensor } from '../../core/tensor.ts';
import type { TuningTable } from '../../core/tuning.ts';
import type { Gpu } from '../../gpu/device.ts';
import { compile } from '../../graph/compile.ts';
import type { Graph } from '../../graph/graph.ts';
import { DeviceParameters } from '../../graph/parameters.ts';
import type { Plan, PlanMemory, ProfiledRow } from '../../graph/plan.ts';
import { DeviceState } from '../../graph/state.ts';
import {
  accumulatingGraph,
  gradientSumOf,
  type OptimiserOptions,
  TRAINING_INPUTS,
  TRAINING_OUTPUTS,
  type TrainingOptions,
  trainedParameters,
  trainingGraph,
  updateGraph,
  velocityOf,
} from './step_graph.ts';

export interface TrainingStepOptions extends TrainingOptions, OptimiserOptions {
  /** Of dropout. */
  readonly seed: number;
  /** Batches whose gradients are averaged before each update; 1 where left out. */
  readonly accumulate?: number;
  readonly tuning?: TuningTable;
}

export interface Schedule {
  readonly learningRate: number;
  /** Number of the step: dropout's masks follow from it and the seed. */
  readonly step: number;
}

export interface StepResult {
  /** The loss of the batch, without the L2 term: the mean cross entropy where the options name no other. */
  readonly loss: number;
  /** Norm of all gradients before clipping; undefined for a batch whose gradients were only added up. */
  readonly norm: number | undefined;
  /** N×classes. */
  readonly logits: FloatTensor;
}

const BITS_24 = 2 ** 24;

export class TrainingStep {
  private batches = 0;

  private constructor(
    readonly gpu: Gpu,
    private readonly graph: Graph,
    private readonly parameters: DeviceParameters,
    private readonly device: DeviceState,
    private readonly frozen: ReadonlyMap<string, FloatTensor>,
    private readonly batch: Plan,
    private readonly update: Plan | undefined,
    private readonly options: TrainingStepOptions,
  ) {}

  /**
   * @param model A graph that names its logits (N×classes, or whatever the loss takes) `logits`.
   * @param parameters All parameters of the graph, by name.
   * @throws GraphError (nothing to train, a missing parameter), KernelCompileError, GpuOutOfMemoryError
   */
  static async create(
    gpu: Gpu,
    model: Graph,
    parameters: ReadonlyMap<string, FloatTensor>,
    options: TrainingStepOptions,
  ): Promise<TrainingStep> {
    const adds = (options.accumulate ?? 1) > 1;
    const graph = adds ? accumulatingGraph(model, options) : trainingGraph(model, options, options);
    const state = new DeviceState(gpu);
    const constants = new DeviceParameters(gpu, parameters);
    try {
      const trained = trainedParameters(model, options);
      for (const nameOf of [(name: string) => name, velocityOf, ...(adds ? [gradientSumOf] : [])]) {
        state.reserve(trained.map(([name, shape]) => [nameOf(name), shape]));
      }
      for (const { source } of graph.values) {
        const value = source.kind === 'state' ? parameters.get(source.name) : undefined;
        if (value) state.set((source as { name: string }).name, value);
      }
      const { loss, logits, norm } = TRAINING_OUTPUTS;
      const shared = {
        state,
        accuracy: 'fast',
        runs: 'many',
        ...(options.tuning ? { tuning: options.tuning } : {}),
      } as const;
      const batch = await compile(graph, constants, {
        ...shared,
        outputs: adds ? [loss, logits] : [loss, logits, norm],
      });
      const update = adds
        ? await compile(updateGraph(model, options, options), constants, { ...shared, outputs: [norm] })
        : undefined;
      const frozen = new Map([...parameters].filter(([name]) => !state.names.includes(name)));
      return new TrainingStep(gpu, graph, constants, state, frozen, batch, update, options);
    } catch (error) {
      state.dispose();
      constants.dispose();
      throw error;
    }
  }

  /**
   * Trains on one batch. Runs may overlap.
   * @param inputs Those of the model, and `targets`: N×classes, a distribution per sample (zeros: it does not count).
   */
  async run(inputs: Readonly<Record<string, HostTensor>>, schedule: Schedule): Promise<StepResult> {
    const { accumulate = 1 } = this.options;
    const last = ++this.batches % accumulate === 0;
    const own = this.ownInputs(schedule, this.batches % accumulate);
    const outputs = this.batch.run({ ...inputs, ...takenBy(this.batch, own) }, { borrow: true });
    const updated = last ? this.update?.run(takenBy(this.update, own)) : undefined;
    // Together: whichever of the two fails, nobody else handles it.
    const [computed, after] = await Promise.all([outputs, updated]);
    const { loss, logits, norm } = { ...computed, ...after };
    return { loss: loss!.data[0]!, norm: norm?.data[0], logits: logits! };
  }

  /** Everything that is needed to go on bit for bit: all parameters, running statistics, velocities. */
  async state(): Promise<Map<string, FloatTensor>> {
    return new Map([...this.frozen, ...(await this.device.read())]);
  }

  /** The inverse of `state`; tensors of frozen layers are not looked at. */
  load(state: ReadonlyMap<string, FloatTensor>): void {
    for (const name of this.device.names) {
      const tensor = state.get(name);
      if (tensor) this.device.set(name, tensor);
    }
  }

  /**
   * The name of the first tensor with a value that is not a number or infinite: of the states, else of a batch's inputs, end points
   * and gradients, in the order in which they are computed. A step whose gradients are not finite changes no parameter, so this can
   * be asked afterwards.
   * @param inputs The batch that the step ends with.
   */
  async firstNonFinite(inputs: Readonly<Record<string, HostTensor>>, schedule: Schedule): Promise<string | undefined> {
    const broken = (tensors: Iterable<readonly [string, HostTensor]>): string | undefined => {
      for (const [name, { data }] of tensors)
        if (data instanceof Float32Array && !data.every(Number.isFinite)) return name;
      return undefined;
    };
    const statistics = (name: string): boolean => /\/(mean|variance)$/.test(name);
    const states = [...(await this.device.read())];
    const given = { ...inputs, ...this.ownInputs(schedule, 0) };
    const found = broken(states.filter(([name]) => !statistics(name))) ?? broken(Object.entries(given));
    if (found !== undefined) return found;
    const forward = await compile(this.graph, this.parameters, { state: this.device });
    try {
      return broken(Object.entries(await forward.run(takenBy(forward, given)))) ?? broken(states);
    } finally {
      forward.dispose();
    }
  }

  /**
   * What a plan takes besides the inputs of the model.
   * @param batch Number of the batch in its step, from 1; 0 for the last one.
   */
  private ownInputs({ learningRate, step }: Schedule, batch: number): Record<string, FloatTensor> {
    const { accumulate = 1, seed } = this.options;
    const count = step * accumulate + batch;
    return {
      [TRAINING_INPUTS.lossScale]: floatTensor([1], [1 / accumulate]),
      [TRAINING_INPUTS.schedule]: floatTensor([4], [learningRate, 0, 0, 0]),
      [TRAINING_INPUTS.random]: floatTensor([4], [seed % BITS_24, Math.floor(seed / BITS_24) % BITS_24, count, 0]),
    };
  }

  /** Times every node of a batch once. */
  profile(): Promise<ProfiledRow[]> {
    return this.batch.profile();
  }

  get dispatchCount(): number {
    return this.batch.dispatchCount;
  }

  /** Of a batch, as the direct algorithms count. */
  get flops(): number {
    return this.batch.flops;
  }

  get memory(): PlanMemory {
    return this.batch.memory;
  }

  dispose(): void {
    this.batch.dispose();
    this.update?.dispose();
    this.device.dispose();
    this.parameters.dispose();
  }
}

/** Those values that a plan takes: a network without dropout has no use for random numbers. */
function takenBy(plan: Plan, values: Readonly<Record<string, HostTensor>>): Record<string, HostTensor> {
  const names = plan.graph.values.flatMap(({ source }) => (source.kind === 'input' ? [source.name] : []));
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}
