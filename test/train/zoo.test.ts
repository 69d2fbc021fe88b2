/** @file Every model of the catalogue in miniature: its graph of training can be derived, and steps of it lower the loss. */

import { describe, expect, it } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { Random } from '../../src/core/random.ts';
import { type FloatTensor, floatTensor, type Shape, sizeOf } from '../../src/core/tensor.ts';
import { type Conv3dOptions, GraphBuilder } from '../../src/graph/builder.ts';
import type { Graph, ValueId } from '../../src/graph/graph.ts';
import type { ModelDefinition } from '../../src/models/definition.ts';
import { addModel } from '../../src/models/graph.ts';
import { modelSpec, specMinimum } from '../../src/models/spec.ts';
import { TrainingStep } from '../../src/train/run/step.ts';
import { whenFull } from '../full.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();
const CLASSES = 3;
const BATCH = 3;
const STEPS = 4;
const RATE = 0.003;

/** Few channels where there are many; those that are few already, and all that follow from them, stay as they are. */
const few = (channels: number): number =>
  channels <= 32 ? channels : Math.min(32, Math.max(8, 8 * Math.round(channels / 128)));

/** Builds the networks with few channels. What a definition works out from the shapes of values follows by itself. */
class FewChannels extends GraphBuilder {
  override parameter(name: string, shape: Shape): ValueId {
    // Of depthwise convolutions, where a layer counts with the channels of its table.
    const whole = shape.slice(0, -1).map((extent) => Math.max(1, Math.round(extent)));
    return super.parameter(name, [...whole, few(shape.at(-1)!)]);
  }

  override conv3d(name: string, x: ValueId, weights: ValueId, options: Conv3dOptions = {}): ValueId {
    const groups = (options.groups ?? 1) > 1 ? this.shapeOf(x).at(-1)! : 1;
    return super.conv3d(name, x, weights, { ...options, groups });
  }
}

/** Of the smallest clips that a network takes; C3D's dense layers take any in a graph. */
function miniature(architecture: ModelDefinition): Graph {
  const spec = modelSpec({ architecture, stream: 'rgb', classes: CLASSES });
  const [frames, height, width] = architecture.fixedInput ? [16, 32, 32] : specMinimum(spec);
  const builder = new FewChannels();
  const least = (extent: number, floor: number): number => Math.max(extent, floor);
  const clip = builder.input('clip', [BATCH, least(frames, 2), least(height, 40), least(width, 40), 3]);
  addModel(builder, spec, clip, { dropout: 0.1 });
  return builder.build();
}

function firstParameters(graph: Graph): Map<string, FloatTensor> {
  const parameters = new Map<string, FloatTensor>();
  for (const { source, type } of graph.values) {
    if (source.kind !== 'parameter') continue;
    const random = new Random(1, source.name);
    const { shape } = type;
    const data = new Float32Array(sizeOf(shape));
    if (source.name.endsWith('/weights')) {
      const deviation = Math.sqrt(2 / sizeOf(shape.slice(0, -1)));
      for (let i = 0; i < data.length; i++) data[i] = random.normal() * deviation;
    } else if (/\/(gamma|variance)$/.test(source.name)) data.fill(1);
    // A norm behind a ReLU and a depthwise convolution takes out all that gamma does, unless there is a beta.
    else for (let i = 0; i < data.length; i++) data[i] = random.range(-0.1, 0.1);
    parameters.set(source.name, floatTensor(shape, data));
  }
  return parameters;
}

const inputOf = (graph: Graph, name: string): Shape =>
  graph.values.find(({ source }) => source.kind === 'input' && source.name === name)!.type.shape;

/**
 * What a softmax or a norm takes out: the same for all keys of a query, or for all positions. What the last block of a stage adds to a channel
 * is taken out by the norms of the two convolutions behind it.
 */
const WITHOUT_EFFECT = /\/nonlocal\/(phi|g|out)\/bias$|^stage3\.5\/nonlocal\/out\/beta$/;

/** Networks that others of the list are, too, with other extents. */
const TWINS = new Set(['i3d', 's3d-torchvision', 'mc3-18', 'i3d-r50', 'x3d-s', 'x3d-m', 'x3d-l']);
const all = [...MODELS].map((architecture) => ({ architecture, id: architecture.id }));

describe.each([...all.filter(({ id }) => !TWINS.has(id)), ...whenFull(all.filter(({ id }) => TWINS.has(id)))])(
  '$id in miniature',
  ({ architecture }) => {
    it('learns', async () => {
      const graph = miniature(architecture);
      const parameters = firstParameters(graph);
      const shape = inputOf(graph, 'clip');
      const random = new Random(2, architecture.id);
      const clip = floatTensor(
        shape,
        Float32Array.from({ length: sizeOf(shape) }, () => random.range(-1, 1)),
      );
      const targets = floatTensor(
        [BATCH, CLASSES],
        Float32Array.from({ length: BATCH * CLASSES }, (_, i) => (i % (CLASSES + 1) === 0 ? 1 : 0)),
      );
      const step = await TrainingStep.create(gpu(), graph, parameters, {
        trainable: () => true,
        batchNorm: 'batch',
        statisticsMomentum: 0.1,
        recompute: false,
        momentum: 0.9,
        weightDecay: 0,
        decays: () => true,
        clip: 1,
        seed: 1,
      });
      try {
        const losses: number[] = [];
        for (let i = 0; i < STEPS; i++) {
          losses.push((await step.run({ clip, targets }, { learningRate: RATE, step: i })).loss);
        }
        expect(losses.every(Number.isFinite)).toBe(true);
        expect(losses.at(-1), losses.join(' ')).toBeLessThan(losses[0]!);
        const state = await step.state();
        const still = [...parameters].filter(
          ([name, { data }]) =>
            !/\/(mean|variance)$/.test(name) &&
            !WITHOUT_EFFECT.test(name) &&
            data.every((value, i) => value === state.get(name)!.data[i]),
        );
        expect(
          still.map(([name]) => name),
          'not changed by training',
        ).toEqual([]);
      } finally {
        step.dispose();
      }
    });
  },
);
