/** @file Checkpoints of I3D alone: `readWeights` for who knows what he has. */

import { checkOptionNames } from '../core/check.ts';
import type { Shape, StateDict } from '../core/tensor.ts';
import { type ModelWeights, readWeights, type WeightsOptions, weightShapes } from '../models/weights.ts';
import { I3D, i3dSpec } from './i3d.ts';
import type { NAMINGS } from './namings.ts';

/** Whose names a checkpoint of I3D has. */
export type NamingId = 'native' | keyof typeof NAMINGS;

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
  checkOptionNames('readI3dCheckpoint', options, ['stream']);
  return readWeights(tensors, source, [I3D], options);
}

/** Names and shapes of a checkpoint in one of the namings, without prefixes: what `readI3dCheckpoint` expects of it. */
export const checkpointShapes = (naming: NamingId, channels: number, classes: number): Map<string, Shape> =>
  weightShapes(I3D, naming, i3dSpec(channels, classes));
