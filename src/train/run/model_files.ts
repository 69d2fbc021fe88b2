/** @file Model files by path: one file for each stream, or a folder with both. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MODELS } from '../../catalogue.ts';
import { InputError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import { encodeSafetensors } from '../../io/safetensors.ts';
import { loadWeightsFile } from '../../io/weights.ts';
import { STREAMS, type Stream } from '../../models/definition.ts';
import { type Model, type ModelFileOptions, modelFileContents, parseModelFile } from '../../models/model_file.ts';

/** Models by stream; at least one. */
export type Models = Partial<Record<Stream, Model>>;

/** A folder's file for each stream. */
export const MODEL_FILES: Readonly<Record<Stream, string>> = { rgb: 'rgb.safetensors', flow: 'flow.safetensors' };

/**
 * @param models Those that the file may hold; those that come with the package where left out.
 * @throws InputError when there is no such file, or it is no model file.
 */
export async function readModelFile(path: string, models = MODELS): Promise<Model> {
  return parseModelFile(await loadWeightsFile(path), path, models);
}

/**
 * The models of a folder (`rgb.safetensors`, `flow.safetensors` or both), or the one in a file.
 * @param location A path, or the URL of a file, such as `RGB_MODEL` of `i3d-webgpu/models`.
 * @param models As for `readModelFile`.
 * @throws InputError when there is none, one cannot be read, or two do not belong together.
 */
export async function readModels(location: string | URL, models = MODELS): Promise<Models> {
  const path = location instanceof URL ? fileURLToPath(location) : location;
  const entry = await stat(path).catch(() => undefined);
  if (!entry?.isDirectory()) {
    const model = await readModelFile(path, models);
    return { [model.spec.stream]: model };
  }
  const found: Models = {};
  for (const stream of STREAMS) {
    const file = join(path, MODEL_FILES[stream]);
    if (!(await stat(file).catch(() => undefined))) continue;
    const model = await readModelFile(file, models);
    if (model.spec.stream !== stream)
      throw new InputError(`${file} holds a model for ${model.spec.stream}, not ${stream}.`);
    found[stream] = model;
  }
  if (!found.rgb && !found.flow) {
    throw new InputError(
      `The folder ${path} holds no model: it should have ${MODEL_FILES.rgb} or ${MODEL_FILES.flow}, as i3d train leaves them.`,
    );
  }
  checkTogether(found, path);
  return found;
}

/** The bytes of a model's file. Throws as `modelFileContents` does. */
export function encodeModelFile(model: Model, options: ModelFileOptions = {}): Uint8Array {
  const { tensors, metadata } = modelFileContents(model, options);
  return encodeSafetensors(tensors, metadata);
}

/** Writes a model's file; an existing one is replaced only once the new one is complete. */
export async function saveModelFile(path: string, model: Model, options: ModelFileOptions = {}): Promise<void> {
  await writeFileAtomic(path, encodeModelFile(model, options));
}

/** Two streams are fused class by class. */
function checkTogether({ rgb, flow }: Models, path: string): void {
  if (!rgb || !flow) return;
  const differing = rgb.classes.findIndex((name, i) => flow.classes[i] !== name);
  if (rgb.classes.length !== flow.classes.length || differing >= 0) {
    throw new InputError(`The two models in ${path} do not name the same classes in the same order.`);
  }
}
