/** @file The layers that most networks consist of, with their parameters: a convolution, its batch norm, its ReLU, and a head. */

import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import type { Padding } from '../ops/sliding_window.ts';
import type { BuildOptions, ModelEnds } from './definition.ts';

export interface UnitOptions {
  readonly kernel: Triple;
  readonly channels: number;
  /** 1 where left out. */
  readonly stride?: Triple;
  /** TensorFlow's SAME where left out. */
  readonly padding?: Padding;
  /** Of the batch norm; PyTorch's 1e-5 where left out. */
  readonly epsilon?: number;
  /** ReLU at the end; on where left out. */
  readonly relu?: boolean;
  /** Of the convolution: as many as channels where each is looked at by itself; 1 where left out. */
  readonly groups?: number;
}

/** Of PyTorch's batch norms. */
const TORCH_EPSILON = 1e-5;

/** Convolution without bias, batch norm, ReLU: the parameters are `<name>/weights`, `gamma`, `beta`, `mean`, `variance`. */
export function unit(builder: GraphBuilder, name: string, x: ValueId, options: UnitOptions): ValueId {
  const {
    kernel,
    channels,
    stride = [1, 1, 1],
    padding = 'same',
    epsilon = TORCH_EPSILON,
    relu = true,
    groups = 1,
  } = options;
  const cin = builder.shapeOf(x).at(-1)! / groups;
  const weights = builder.parameter(`${name}/weights`, [...kernel, cin, channels]);
  const convolved = builder.conv3d(name, x, weights, { stride, padding, groups });
  const scaled = normalised(builder, name, convolved, epsilon);
  return relu ? builder.relu(`${name}/relu`, scaled) : scaled;
}

/** Batch norm with the parameters `<name>/gamma`, `beta`, `mean`, `variance`. */
export function normalised(builder: GraphBuilder, name: string, x: ValueId, epsilon = TORCH_EPSILON): ValueId {
  const vector = (key: string) => builder.parameter(`${name}/${key}`, [builder.shapeOf(x).at(-1)!]);
  const statistics = {
    gamma: vector('gamma'),
    beta: vector('beta'),
    mean: vector('mean'),
    variance: vector('variance'),
  };
  return builder.batchNorm(`${name}/batch_norm`, x, statistics, epsilon);
}

/** Half of an odd window before and behind, as PyTorch's networks pad: with stride 1 the size stays. Nothing for windows of 1 and 2. */
export const centred = ([t, h, w]: Triple): Padding => {
  const half = (extent: number) => [(extent - 1) >> 1, (extent - 1) >> 1] as const;
  return [half(t), half(h), half(w)];
};

/**
 * x with its channels weighed by a sigmoid of what two layers of 1×1×1, `<name>/squeeze` with ReLU and `<name>/excite`, make of their
 * means over time and space (Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018).
 * @param channels Between the two layers.
 */
export function squeezeExcitation(builder: GraphBuilder, name: string, x: ValueId, channels: number): ValueId {
  const around = builder.shapeOf(x).at(-1)!;
  const layer = (key: string, input: ValueId, cin: number, cout: number): ValueId => {
    const weights = builder.parameter(`${name}/${key}/weights`, [1, 1, 1, cin, cout]);
    return builder.conv3d(`${name}/${key}`, input, weights, {
      bias: builder.parameter(`${name}/${key}/bias`, [cout]),
    });
  };
  const means = builder.reduce(`${name}/means`, 'mean', x, [1, 2, 3], { keep: true });
  const few = builder.relu(`${name}/relu`, layer('squeeze', means, around, channels));
  const gates = builder.sigmoid(`${name}/sigmoid`, layer('excite', few, channels, around));
  return builder.mul(name, x, gates);
}

/**
 * The mean over all that is left of time and space, dropout, and a linear layer `<name>/weights` C×classes with `<name>/bias`.
 * @param pool Window of an average pool of stride 1 before the mean.
 */
export function linearHead(
  builder: GraphBuilder,
  name: string,
  x: ValueId,
  { classes, dropout, pool }: Pick<BuildOptions, 'dropout'> & { readonly classes: number; readonly pool?: Triple },
): ModelEnds {
  const pooled = pool ? builder.averagePool3d(`${name}/pool`, x, { kernel: pool, stride: [1, 1, 1] }) : x;
  const [n, t, h, w, c] = builder.shapeOf(pooled) as [number, number, number, number, number];
  const features =
    t * h * w === 1 ? builder.reshape(`${name}/features`, pooled, [n, c]) : builder.mean(`${name}/features`, pooled);
  if (classes === 0) return { features, logits: undefined };
  const channels = builder.shapeOf(features).at(-1)!;
  const weights = builder.parameter(`${name}/weights`, [channels, classes]);
  const bias = builder.parameter(`${name}/bias`, [classes]);
  const kept = dropout > 0 ? dropFeatures(builder, `${name}/dropout`, features, dropout) : features;
  return { features, logits: builder.linear(name, kept, weights, bias) };
}

/** Dropout takes volumes, whose channels go as a whole. */
function dropFeatures(builder: GraphBuilder, name: string, x: ValueId, rate: number): ValueId {
  const [n, c] = builder.shapeOf(x) as [number, number];
  const dropped = builder.dropout(name, builder.reshape(`${name}/volume`, x, [n, 1, 1, 1, c]), rate);
  return builder.reshape(`${name}/flat`, dropped, [n, c]);
}
