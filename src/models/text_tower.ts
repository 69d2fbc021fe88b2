/**
 * @file Texts in the space of a model's clips. The table of words is looked up on the host: a text has a few words, and the table has
 * tens of millions of numbers, which would have to go to the device for the few thousand that are read. All else is a graph.
 */

import { checkMap } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, formatShape, type Shape, type StateDict } from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import type { Gpu } from '../gpu/device.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { type CompileOptions, compile } from '../graph/compile.ts';
import type { Graph } from '../graph/graph.ts';
import { DeviceParameters } from '../graph/parameters.ts';
import type { ModelDefinition, TextTower } from './definition.ts';
import { matchTensors } from './matching.ts';
import { matchedParameters, type NamedNetwork } from './naming.ts';
import { parameterValues } from './values.ts';

/** A text tower with its values. */
export interface TextWeights {
  readonly tower: TextTower;
  /** V×C; row 0 stands for no word. */
  readonly table: FloatTensor;
  /** By the names of its graph's parameters. */
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  /** Of the space. */
  readonly dimensions: number;
}

const TEXT = 'text';

function textGraph(tower: TextTower, texts: number, channels: number, dimensions: number): Graph {
  const builder = new GraphBuilder();
  const rows = builder.input('rows', [texts, tower.words, channels]);
  builder.name(TEXT, tower.build(builder, rows, dimensions));
  return builder.build();
}

function parameterShapes(tower: TextTower, channels: number, dimensions: number): Map<string, Shape> {
  const { values } = textGraph(tower, 1, channels, dimensions);
  return new Map(
    values.flatMap(({ source, type }) => (source.kind === 'parameter' ? [[source.name, type.shape] as const] : [])),
  );
}

/**
 * The text tower in a checkpoint, under any prefix and beside other tensors.
 * @param source The file's name, for messages.
 * @throws InputError when the model has none, and as `readWeights` does.
 */
export function readTextTower(tensors: StateDict, source: string, model: ModelDefinition): TextWeights {
  checkMap('The weights', tensors);
  const { text: tower, name } = model;
  if (!tower) throw new InputError(`${source} holds ${name}, which was not trained beside texts and knows no words.`);
  const network: NamedNetwork = {
    name: `the text tower of ${name}`,
    namings: { text: tower.naming },
    parameters: (channels, dimensions) => parameterShapes(tower, channels, dimensions),
    stem: tower.stem,
    logits: tower.head,
  };
  const { match } = matchTensors(tensors, [network], source);
  const tableName = `${match.prefix}${tower.table}`;
  const stored = tensors.get(tableName);
  if (!stored) throw new InputError(`${source} has no tensor ${tableName}, the words of ${network.name}.`);
  const { channels, classes: dimensions } = match;
  const [rows = 0, width] = stored.shape;
  if (stored.shape.length !== 2 || width !== channels || rows < 2) {
    throw new InputError(
      `${source}: ${tableName} has shape ${formatShape(stored.shape)}; ${network.name} wants a row of ${channels} for each word.`,
    );
  }
  const table = parameterValues(tableName, stored, `${source}: ${tableName}`);
  return { tower, table, parameters: matchedParameters(tensors, network, match, source), dimensions };
}

/** The rows of a text's words in a tower's table, and the words that have none. */
export interface LookedUp {
  readonly rows: readonly number[];
  readonly unknown: readonly string[];
}

/** The words that a tower's table has rows for, in their order: the first of them is row 1. */
export class Vocabulary {
  private readonly rows = new Map<string, number>();

  /**
   * @param source What the words were read from, for messages.
   * @throws InputError when the table has another number of rows.
   */
  constructor(
    words: readonly string[],
    private readonly weights: Pick<TextWeights, 'tower' | 'table'>,
    source = 'The list of words',
  ) {
    const [count = 0] = weights.table.shape;
    if (words.length + 1 !== count) {
      throw new InputError(
        `${source} has ${counted(words.length, 'word')}, and the model has a table of ${count} rows, one for no word: give the words that belong to it.`,
      );
    }
    for (const [i, word] of words.entries()) this.rows.set(word, i + 1);
  }

  /** Unknown words are skipped, as the authors do, and so is what is beyond the number of words that a text may have. */
  look(text: string): LookedUp {
    const words = this.weights.tower.split(text);
    const rows = words.flatMap((word) => this.rows.get(word) ?? []).slice(0, this.weights.tower.words);
    return { rows, unknown: words.filter((word) => !this.rows.has(word)) };
  }
}

/**
 * Texts as points of a model's space.
 * @param texts Of each the rows of its words, such as `Vocabulary.look` gives; none is a text of no known word.
 * @returns One for each text, of `dimensions` numbers.
 * @throws InputError for a row that the table does not have; GpuOutOfMemoryError, DeviceLostError
 */
export async function embedTexts(
  gpu: Gpu,
  { tower, table, parameters, dimensions }: TextWeights,
  texts: readonly (readonly number[])[],
  options: Pick<CompileOptions, 'accuracy' | 'kernel' | 'tuning'> = {},
): Promise<Float32Array[]> {
  const [count = 0, channels = 0] = table.shape;
  const rows = new Float32Array(texts.length * tower.words * channels);
  for (const [i, text] of texts.entries()) {
    for (let at = 0; at < tower.words; at++) {
      const row = text[at] ?? 0;
      if (!(Number.isSafeInteger(row) && row >= 0 && row < count)) {
        throw new InputError(`A text has a word of row ${row}; the table has rows 0 to ${count - 1}.`);
      }
      rows.set(table.data.subarray(row * channels, (row + 1) * channels), (i * tower.words + at) * channels);
    }
  }
  const onDevice = new DeviceParameters(gpu, parameters);
  try {
    const plan = await compile(textGraph(tower, texts.length, channels, dimensions), onDevice, {
      outputs: [TEXT],
      ...options,
    });
    try {
      const results = await plan.run({ rows: floatTensor([texts.length, tower.words, channels], rows) });
      const { data } = results[TEXT]!;
      return texts.map((_, i) => data.slice(i * dimensions, (i + 1) * dimensions));
    } finally {
      plan.dispose();
    }
  } finally {
    onDevice.dispose();
  }
}
