/** @file What a checkpoint holds. */

import { readFile } from 'node:fs/promises';
import { MODELS } from '../../catalogue.ts';
import { InputError } from '../../core/errors.ts';
import { formatShape, type HostTensor, type Shape, type StateDict, sizeOf } from '../../core/tensor.ts';
import { counted } from '../../core/words.ts';
import { decodeTensorFlowIndex } from '../../io/tensorflow.ts';
import { loadWeightsFile } from '../../io/weights.ts';
import type { ModelDefinition } from '../../models/definition.ts';
import { isModelFile, type Model, parseModelFile } from '../../models/model_file.ts';
import { type RecognisedWeights, readWeights, recogniseWeights } from '../../models/weights.ts';
import { classCount, quantity, table } from '../terminal/table.ts';

interface Listed {
  readonly dtype: string;
  readonly shape: Shape;
}

/**
 * @param models Those that it may be of.
 * @throws InputError when the file is no checkpoint.
 */
export async function inspectFile(path: string, models: Iterable<ModelDefinition>, json: boolean): Promise<string> {
  const { tensors, note, model, warnings } = await list(path);
  const { weights, reason } = recognise(tensors, path, models);
  if (!model) warnings.push(...(weights?.match.warnings ?? []), ...faultsOf(weights, tensors, path));
  const values = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (json) {
    return JSON.stringify({
      file: path,
      ...(model ? { model: { spec: model.spec, classes: model.classes, notes: model.notes } } : {}),
      weights: weights ? summary(weights) : null,
      warnings,
      parameters: values,
      tensors: [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    });
  }
  const what = model
    ? describe(model)
    : weights
      ? `${weights.spec.architecture.name}, ${weights.stream ?? `${weights.spec.channels} input channels`}, ${classCount(weights.spec)}, names of ${weights.origin}`
      : `of no known model: ${reason}`;
  const rows = [...tensors].map(([name, { dtype, shape }]) => [name, dtype, formatShape(shape), String(sizeOf(shape))]);
  return [
    `${path}: ${what}${note}`,
    ...warnings,
    '',
    ...(model ? [...facts(model), ''] : []),
    table([{ title: 'tensor' }, { title: 'type' }, { title: 'shape' }, { title: 'values', align: 'right' }], rows),
    '',
    `${counted(tensors.size, 'tensor')}, ${quantity(values, '').trim()} values`,
  ].join('\n');
}

function describe({ spec }: Model): string {
  const { architecture, stream, classes, width, dimensions } = spec;
  const scaled = width === 1 ? '' : ` × ${width}`;
  return `a model, ${architecture}${scaled}${dimensions === 2 ? ' in 2D' : ''}, ${stream}, ${classCount({ classes })}`;
}

/** What the model takes, what it tells apart, and how it was made. */
function facts({ spec, classes, notes = {} }: Model): string[] {
  const { frames, size, shortSide, stream, flowBound, flowPreset, fps, segments } = spec;
  const flow = `, flow ±${flowBound} px (${flowPreset})`;
  const rate = segments
    ? ', spread over the whole clip'
    : fps === undefined
      ? ''
      : fps === 'native'
        ? ', every frame'
        : ` at ${fps} Hz`;
  const rows = Object.entries({
    clips: `${frames} × ${size}×${size} of a short side of ${shortSide}${stream === 'flow' ? flow : ''}${rate}`,
    classes: classes.join(', '),
    ...notes,
  });
  // A checkpoint's recipe names every clip.
  return rows.map(([name, text]) => `${name}: ${text.length > 600 ? `${text.slice(0, 599)}…` : text}`);
}

function summary({ spec, stream, match }: RecognisedWeights) {
  const { architecture, channels, classes } = spec;
  return { model: architecture, naming: match.naming, stream: stream ?? null, channels, classes };
}

interface Listing {
  readonly tensors: ReadonlyMap<string, Listed | HostTensor>;
  readonly note: string;
  readonly warnings: string[];
  readonly model?: Model;
}

async function list(path: string): Promise<Listing> {
  try {
    const file = await loadWeightsFile(path);
    const { tensors, warnings } = file;
    return {
      tensors,
      note: '',
      warnings: [...warnings],
      ...(isModelFile(file.metadata) ? { model: parseModelFile(file, path, MODELS) } : {}),
    };
  } catch (error) {
    // A TensorFlow index names and measures everything, even where the data are not at hand.
    const index = error instanceof InputError ? await readFile(path).catch(() => undefined) : undefined;
    if (!index) throw error;
    let entries: ReturnType<typeof decodeTensorFlowIndex>['entries'];
    try {
      entries = decodeTensorFlowIndex(index, path).entries;
    } catch {
      throw error;
    }
    const tensors = new Map(entries.map(({ name, dtype, shape }) => [name, { dtype: dtype ?? 'other', shape }]));
    return { tensors, note: ' (the index only; the data file is not here)', warnings: [] };
  }
}

function recognise(
  tensors: ReadonlyMap<string, Listed>,
  source: string,
  models: Iterable<ModelDefinition>,
): { weights?: RecognisedWeights; reason?: string } {
  try {
    return { weights: recogniseWeights(tensors, source, models) };
  } catch (error) {
    if (error instanceof InputError) return { reason: error.message };
    throw error;
  }
}

/** Values of a checkpoint that keep it from being used. */
function faultsOf(weights: RecognisedWeights | undefined, tensors: Listing['tensors'], source: string): string[] {
  const read = [...tensors.values()].every((tensor) => 'data' in tensor);
  if (!weights || !read) return [];
  try {
    readWeights(tensors as StateDict, source, [weights.spec.architecture]);
    return [];
  } catch (error) {
    if (error instanceof InputError) return [error.message];
    throw error;
  }
}
