/** @file `i3d convert`: any supported checkpoint as safetensors. */

import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { InputError } from '../core/errors.ts';
import { type StateDict, sizeOf } from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import { type I3dCheckpoint, readI3dCheckpoint } from '../i3d/checkpoint.ts';
import { isModelFile, parseModelFile } from '../i3d/model_file.ts';
import { loadWeightsFile, saveSafetensors } from '../io/weights.ts';
import { saveModelFile } from '../train/model_files.ts';
import { print, say } from './output.ts';
import { quantity } from './table.ts';

export function addConvert(program: Command): Command {
  return program
    .command('convert')
    .description('Write a checkpoint as safetensors: I3D in this project’s names and axes, anything else as it is.')
    .argument('<in>', 'a PyTorch .pt, a TensorFlow checkpoint (.index) or a .safetensors file')
    .argument('<out>', 'the .safetensors file to write')
    .action(convert);
}

async function convert(input: string, output: string): Promise<void> {
  if (extname(output).toLowerCase() !== '.safetensors') {
    throw new InputError(`${output} must end in .safetensors, the format that is written.`);
  }
  const file = await loadWeightsFile(input);
  const { tensors } = file;
  if (isModelFile(file.metadata)) {
    const model = parseModelFile(file, input);
    await saveModelFile(output, model);
    await report(
      output,
      model.parameters,
      `${model.spec.architecture}, ${model.spec.stream}, ${counted(model.spec.classes, 'class')}`,
    );
    return;
  }
  const { checkpoint, reason } = recognise(tensors, input);
  if (checkpoint) {
    const { stream, channels, classes, naming, parameters } = checkpoint;
    await saveSafetensors(output, new Map(parameters), {
      format: 'i3d-webgpu',
      stream: stream ?? `${channels} channels`,
      channels: String(channels),
      classes: String(classes),
      source: `${basename(input)} (${naming} names)`,
    });
    await report(output, parameters, `I3D, ${stream ?? `${channels} channels`}, ${counted(classes, 'class')}`);
    return;
  }
  await saveSafetensors(output, tensors, { format: 'pt', source: basename(input) });
  say(`${reason} It was written as it is.`);
  await report(output, tensors, 'not I3D');
}

function recognise(tensors: StateDict, source: string): { checkpoint?: I3dCheckpoint; reason?: string } {
  try {
    return { checkpoint: readI3dCheckpoint(tensors, source) };
  } catch (error) {
    if (error instanceof InputError) return { reason: error.message };
    throw error;
  }
}

function report(
  output: string,
  tensors: ReadonlyMap<string, { shape: readonly number[] }>,
  what: string,
): Promise<void> {
  const values = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return print(`${output}: ${what}, ${counted(tensors.size, 'tensor')}, ${quantity(values, '').trim()} values\n`);
}
