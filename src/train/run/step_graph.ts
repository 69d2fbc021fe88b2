/**
 * @file From a model's graph to the graph of one training step: parameters in training become states, batch norm takes the
 * statistics of the batch, dropout gets its random numbers; then loss, gradients and the optimiser's update are appended.
 * Layers without a parameter in training stay as they are, so inference's passes and kernels serve them.
 */

import { GraphError } from '../../core/errors.ts';
import type { GraphBuilder } from '../../graph/builder.ts';
import { gradients } from '../../graph/gradients.ts';
import { type Graph, isOp, type Node, producers, type ValueId } from '../../graph/graph.ts';
import { fuseActivation } from '../../graph/passes/fuse_activation.ts';
import { prune, rewrite, startRewrite } from '../../graph/rewrite.ts';
import { accumulate, zero } from '../../ops/accumulate.ts';
import { type BatchNormActivation, batchNorm } from '../../ops/batch_norm.ts';
import { batchStatistics } from '../../ops/batch_statistics.ts';
import { crossEntropy } from '../../ops/cross_entropy.ts';
import { dropout } from '../../ops/dropout.ts';
import { gradientNorm } from '../../ops/gradient_norm.ts';
import { normalize } from '../../ops/normalize.ts';
import { sgdUpdate } from '../../ops/sgd_update.ts';
import { updateStatistics } from '../../ops/update_statistics.ts';

export interface TrainingOptions {
  /** Whether a parameter is trained, by its name. Running statistics follow from it. */
  trainable(parameter: string): boolean;
  /** Where batch norm of layers in training takes mean and variance from: the batch, or the running statistics. */
  readonly batchNorm: 'batch' | 'frozen';
  /** Share of a batch's statistics in the new running statistics; 0.01 is I3D's (PyTorch's meaning). */
  readonly statisticsMomentum: number;
  /** Computes activations between end points a second time instead of keeping them. */
  readonly recompute: boolean;
  /** What is made small, [1], from the model's logits; the mean cross entropy with an input `targets` where left out. */
  loss?(builder: GraphBuilder, logits: ValueId): ValueId;
}

export interface OptimiserOptions {
  readonly momentum: number;
  /** L2 factor of the parameters for which `decays` is true. */
  readonly weightDecay: number;
  decays(parameter: string): boolean;
  /** Largest norm of all gradients together. */
  readonly clip: number;
}

/** Names of what a step's graph takes and gives, besides the inputs of the model. */
export const TRAINING_INPUTS = {
  /** N×classes: a distribution over the classes per sample. */
  targets: 'targets',
  /** [1]: a factor for all gradients; 1, or 1 / the number of batches that are added up. */
  lossScale: 'loss scale',
  /** [4]: the learning rate first. */
  schedule: 'schedule',
  /** [4]: the seed's lower and upper 24 bits, the number of the step. */
  random: 'random',
} as const;
export const TRAINING_OUTPUTS = { loss: 'loss', logits: 'logits', norm: 'norm' } as const;

export const velocityOf = (parameter: string): string => `optimizer/${parameter}/velocity`;
/** Where gradients of several batches are added up. */
export const gradientSumOf = (parameter: string): string => `optimizer/${parameter}/gradient`;

/** Forward, backward, norm, clipping and update in one graph, which keeps the names of the model's values. */
export function trainingGraph(model: Graph, training: TrainingOptions, optimiser: OptimiserOptions): Graph {
  const { builder, byParameter } = differentiate(model, training);
  appendUpdate(builder, byParameter, optimiser);
  return builder.build();
}

/** Forward and backward; the gradients are added to states. Run it for each batch, then the graph of `updateGraph`. */
export function accumulatingGraph(model: Graph, training: TrainingOptions): Graph {
  const { builder, byParameter } = differentiate(model, training);
  for (const [name, gradient] of byParameter) {
    const sum = builder.state(gradientSumOf(name), builder.shapeOf(gradient));
    builder.add(accumulate, `${name}/accumulate`, { factor: 1 }, [sum, gradient]);
  }
  return builder.build();
}

/** Norm, clipping and update from the states that `accumulatingGraph` added to, which are zero again afterwards. */
export function updateGraph(model: Graph, training: TrainingOptions, optimiser: OptimiserOptions): Graph {
  const { builder } = startRewrite({ values: [], nodes: [], names: new Map() });
  const byParameter = trainedParameters(model, training).map(
    ([name, shape]) => [name, builder.state(gradientSumOf(name), shape)] as const,
  );
  appendUpdate(builder, byParameter, optimiser);
  builder.add(
    zero,
    'Zero',
    {},
    byParameter.map(([, sum]) => sum),
  );
  return builder.build();
}

/** Names and shapes of the parameters that a step changes by gradient. */
export function trainedParameters(model: Graph, { trainable }: Pick<TrainingOptions, 'trainable'>) {
  const statistics = new Set(model.nodes.flatMap((node) => (isOp(node, batchNorm) ? node.inputs.slice(3) : [])));
  return model.values.flatMap(({ source, type }, id) =>
    source.kind === 'parameter' && !statistics.has(id) && trainable(source.name)
      ? [[source.name, type.shape] as const]
      : [],
  );
}

type Gradients = readonly (readonly [parameter: string, gradient: ValueId])[];

function differentiate(model: Graph, training: TrainingOptions): { builder: GraphBuilder; byParameter: Gradients } {
  const forward = prune(fuseActivation(withStates(model, training), true));
  const { builder, copy, to } = startRewrite(forward);
  for (const node of forward.nodes) copy(node);
  const logits = to(namedLogits(forward));
  for (const [name, value] of forward.names) builder.name(name, to(value));
  const loss = builder.name(TRAINING_OUTPUTS.loss, (training.loss ?? classLoss)(builder, logits));
  const names = trainedParameters(model, training);
  if (names.length === 0) throw new GraphError('There is nothing to train: no parameter was chosen.');
  const found = gradients(
    builder,
    loss,
    builder.input(TRAINING_INPUTS.lossScale, [1]),
    names.map(([name, shape]) => builder.state(name, shape)),
    training.recompute ? { keep: new Set([...forward.names.values()].map(to)) } : {},
  );
  const byParameter = names.map(([name], i) => [name, found[i]!] as const);
  // In the order in which they are computed.
  for (const [name, gradient] of [...byParameter].reverse()) builder.name(`gradient of ${name}`, gradient);
  return { builder, byParameter };
}

function classLoss(builder: GraphBuilder, logits: ValueId): ValueId {
  const targets = builder.input(TRAINING_INPUTS.targets, builder.shapeOf(logits));
  return builder.add(crossEntropy, 'Loss', {}, [logits, targets])[0]!;
}

function namedLogits(graph: Graph): ValueId {
  const logits = graph.names.get(TRAINING_OUTPUTS.logits);
  if (logits === undefined) throw new GraphError('The model names no value `logits`.');
  return logits;
}

/** The model's graph with everything in training as states. */
function withStates(model: Graph, training: TrainingOptions): Graph {
  const makers = producers(model);
  const trained = new Set(trainedParameters(model, training).map(([name]) => name));
  const parameterName = (value: ValueId): string | undefined => {
    const { source } = model.values[value]!;
    return source.kind === 'parameter' ? source.name : undefined;
  };
  const inTraining = (value: ValueId): boolean => trained.has(parameterName(value) ?? '');
  const normalised = (node: Node): node is Node<BatchNormActivation> => {
    if (!isOp(node, batchNorm)) return false;
    const maker = makers.get(node.inputs[0]!);
    return [...node.inputs.slice(1, 3), ...(maker?.inputs ?? [])].some(inTraining);
  };
  const statesOf = new Set(model.nodes.flatMap((node) => (normalised(node) ? node.inputs.slice(1) : [])));
  let random: ValueId | undefined;
  return rewrite(model, (node, { builder, to, map, copy }) => {
    for (const value of node.inputs) {
      const name = parameterName(value);
      if (name !== undefined && (trained.has(name) || statesOf.has(value))) {
        map(value, builder.state(name, model.values[value]!.type.shape));
      }
    }
    if (isOp(node, dropout)) {
      random ??= builder.input(TRAINING_INPUTS.random, [4]);
      map(node.outputs[0]!, builder.add(dropout, node.name, node.attributes, [to(node.inputs[0]!), random])[0]!);
    } else if (normalised(node)) {
      map(node.outputs[0]!, normalise(builder, node, node.inputs.map(to), training));
    } else {
      copy(node);
    }
  });
}

/** Batch norm of a layer in training. */
function normalise(
  builder: GraphBuilder,
  { name, attributes }: Node<BatchNormActivation>,
  inputs: readonly ValueId[],
  { batchNorm, statisticsMomentum }: TrainingOptions,
): ValueId {
  const [x, gamma, beta, runningMean, runningVariance] = inputs as [ValueId, ValueId, ValueId, ValueId, ValueId];
  const batch = batchNorm === 'batch';
  let [mean, variance] = [runningMean, runningVariance];
  if (batch) {
    [mean, variance] = builder.add(batchStatistics, `${name}/statistics`, {}, [x]) as [ValueId, ValueId];
    const count = builder
      .shapeOf(x)
      .slice(0, -1)
      .reduce((a, b) => a * b, 1);
    const update = { momentum: statisticsMomentum, count };
    builder.add(updateStatistics, `${name}/update`, update, [runningMean, runningVariance, mean, variance]);
  }
  return builder.add(normalize, name, { ...attributes, batch }, [x, mean, variance, gamma, beta])[0]!;
}

function appendUpdate(builder: GraphBuilder, byParameter: Gradients, optimiser: OptimiserOptions): void {
  const { clip, momentum, weightDecay, decays } = optimiser;
  const norm = builder.add(
    gradientNorm,
    'Gradient norm',
    { clip },
    byParameter.map(([, gradient]) => gradient),
  )[0]!;
  builder.name(TRAINING_OUTPUTS.norm, norm);
  const schedule = builder.input(TRAINING_INPUTS.schedule, [4]);
  const state = (name: string, gradient: ValueId): ValueId => builder.state(name, builder.shapeOf(gradient));
  const attributes = { momentum, weightDecay: byParameter.map(([name]) => (decays(name) ? weightDecay : 0)) };
  builder.add(sgdUpdate, 'Update', attributes, [
    ...byParameter.map(([name, gradient]) => state(name, gradient)),
    ...byParameter.map(([name, gradient]) => state(velocityOf(name), gradient)),
    ...byParameter.map(([, gradient]) => gradient),
    ...[norm, schedule],
  ]);
}
