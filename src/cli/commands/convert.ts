/** @file `i3d convert`: any supported checkpoint as safetensors. */

import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { MODELS } from '../../catalogue.ts';
import { InputError } from '../../core/errors.ts';
import { type HostTensor, type StateDict, sizeOf } from '../../core/tensor.ts';
import { counted } from '../../core/words.ts';
import { loadWeightsFile, saveSafetensors } from '../../io/weights.ts';
import type { ModelDefinition } from '../../models/definition.ts';
import { isModelFile, parseModelFile } from '../../models/model_file.ts';
import { readWeights, recogniseWeights } from '../../models/weights.ts';
import { saveModelFile } from '../../train/run/model_files.ts';
import { addModelTypeOption, type ModelTypeFlags, typedModels } from '../options.ts';
import { print, say } from '../terminal/output.ts';
import { classCount, quantity } from '../terminal/table.ts';

export function addConvert(program: Command): Command {
  const command = program
    .command('convert')
    .description(
      'Write a checkpoint as safetensors: known models in this project’s names and axes, anything else as it is.',
    )
    .argument('<in>', 'a PyTorch .pt, a TensorFlow checkpoint (.index) or a .safetensors file')
    .argument('<out>', 'the .safetensors file to write');
  return addModelTypeOption(command).action(convert);
}

async function convert(input: string, output: string, flags: ModelTypeFlags): Promise<void> {
  if (extname(output).toLowerCase() !== '.safetensors') {
    throw new InputError(`${output} must end in .safetensors, the format that is written.`);
  }
  const file = await loadWeightsFile(input);
  const { tensors } = file;
  for (const warning of file.warnings) say(warning);
  if (isModelFile(file.metadata)) {
    const model = parseModelFile(file, input, MODELS);
    await saveModelFile(output, model);
    await report(
      output,
      model.parameters,
      `${model.spec.architecture}, ${model.spec.stream}, ${classCount(model.spec)}`,
    );
    return;
  }
  checkWeights(tensors, input);
  const models = typedModels(flags);
  const reason = strangeness(tensors, input, models);
  if (reason === undefined) {
    // Names and shapes are right; values that are not are no reason to write the file as it is.
    const { spec, stream, naming, parameters, warnings } = readWeights(tensors, input, models);
    const { channels, classes, architecture } = spec;
    for (const warning of warnings) say(warning);
    const beside = architecture.text?.prefix;
    const kept = beside === undefined ? [] : [...tensors].filter(([name]) => name.includes(beside));
    await saveSafetensors(output, new Map<string, HostTensor>([...parameters, ...kept]), {
      format: 'i3d-webgpu',
      stream: stream ?? `${channels} channels`,
      channels: String(channels),
      classes: String(classes),
      source: `${basename(input)} (${naming} names)`,
    });
    await report(
      output,
      parameters,
      `${architecture.name}, ${stream ?? `${channels} channels`}, ${classCount({ classes })}`,
    );
    return;
  }
  await saveSafetensors(output, tensors, { format: 'pt', source: basename(input) });
  say(`${reason} It was written as it is.`);
  await report(output, tensors, 'of no known model');
}

/** @throws InputError when there is nothing in a file but single numbers, such as a score. */
function checkWeights(tensors: StateDict, source: string): void {
  if ([...tensors.values()].some(({ shape, data }) => shape.length > 0 && data.length > 0)) return;
  const names = [...tensors.keys()];
  const found = names.length === 0 ? 'is no tensor' : `are only single numbers (${names.slice(0, 4).join(', ')})`;
  throw new InputError(`${source} holds no weights: there ${found} in it.`);
}

/** Why tensors are not those of a model that is known; undefined where they are. */
function strangeness(tensors: StateDict, source: string, models: Iterable<ModelDefinition>): string | undefined {
  try {
    recogniseWeights(tensors, source, models);
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error.message;
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
