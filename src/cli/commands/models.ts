/** @file `i3d models`: which models there are, what is published of them, and which of their files lie in a folder. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { MODELS } from '../../catalogue.ts';
import { InputError } from '../../core/errors.ts';
import { loadWeightsFile } from '../../io/weights.ts';
import type { ModelDefinition } from '../../models/definition.ts';
import { isModelFile, parseModelFile } from '../../models/model_file.ts';
import { modelSize, publishedSpec } from '../../models/size.ts';
import { recogniseWeights } from '../../models/weights.ts';
import { print } from '../terminal/output.ts';
import { Progress } from '../terminal/progress.ts';
import { quantity, table } from '../terminal/table.ts';

/** Ends of the names of files that may hold weights. */
const WEIGHTS = /\.(pt|pth|pyth|pkl|pickle|tar|ckpt|bin|safetensors|index)$/i;

export function addModels(program: Command): Command {
  return program
    .command('models')
    .description('List the models that are known, what is published of them, and whose weights lie in a folder.')
    .argument('[folder]', 'where to look for weights; what they are of is told by the names of their tensors', '.')
    .option('--json', 'print one JSON object')
    .action(async (folder: string, { json = false }: { json?: boolean }) => {
      const found = await findWeights(folder);
      const rows = [...MODELS].map((model) => describe(model, found.get(model) ?? []));
      await print(`${json ? JSON.stringify({ folder, models: rows }) : toText(folder, rows)}\n`);
    });
}

type Row = ReturnType<typeof describe>;

function describe(model: ModelDefinition, found: readonly string[]) {
  const { id, name, namings = {}, published } = model;
  const spec = publishedSpec(model);
  const { frames, size, shortSide, fps = 25, segments = false } = spec;
  return {
    id,
    name,
    input: { frames, size, shortSide, fps, segments },
    classes: spec.classes,
    ...modelSize(spec),
    published: published ? { files: published.files, accuracy: published.accuracy ?? null } : null,
    checkpointsOf: Object.entries(namings).flatMap(([naming, { origin }]) => (naming === 'native' ? [] : [origin])),
    found,
  };
}

/**
 * The files of a folder that hold weights of a known model; those that nobody can read hold none.
 * @throws InputError when there is no such folder.
 */
async function findWeights(folder: string): Promise<Map<ModelDefinition, string[]>> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = { ENOENT: 'does not exist', ENOTDIR: 'is no folder' };
    throw new InputError(
      `${folder} ${reasons[cause.code ?? ''] ?? `cannot be read (${cause.message})`}; give a folder with weights.`,
      { cause },
    );
  });
  const progress = new Progress();
  const found = new Map<ModelDefinition, string[]>();
  for (const name of names.filter((each) => WEIGHTS.test(each)).sort()) {
    const path = join(folder, name);
    progress.say(`looking at ${name}`);
    const model = await modelOf(path);
    if (model) found.set(model, [...(found.get(model) ?? []), path]);
  }
  progress.clear();
  return found;
}

async function modelOf(path: string): Promise<ModelDefinition | undefined> {
  try {
    const file = await loadWeightsFile(path);
    const { spec } = isModelFile(file.metadata)
      ? parseModelFile(file, path, MODELS)
      : recogniseWeights(file.tensors, path, MODELS);
    return spec.architecture;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

function toText(folder: string, rows: readonly Row[]): string {
  const all = table(
    [
      { title: 'model' },
      { title: 'clip' },
      { title: 'Hz', align: 'right' },
      { title: 'parameters', align: 'right' },
      { title: 'multiply-adds', align: 'right' },
      { title: 'published', align: 'right' },
      { title: '' },
    ],
    rows.map(({ id, input, parameters, multiplyAdds, published }) => {
      const { value, of, source } = published?.accuracy ?? {};
      return [
        id,
        `${input.frames}×${input.size}×${input.size}`,
        input.segments ? 'whole' : String(input.fps),
        quantity(parameters, ''),
        quantity(multiplyAdds, ''),
        ...(value === undefined ? ['', ''] : [`${value} %`, `${of} (${source})`]),
      ];
    }),
  );
  const files = rows.flatMap(({ id, found }) => found.map((path) => [path, id]));
  const here = folder === '.' ? 'this folder' : folder;
  const lines =
    files.length === 0
      ? [
          `No weights of these in ${here}. Published files:`,
          table(
            [{ title: '' }, { title: '' }, { title: '' }],
            rows.flatMap(({ id, published, checkpointsOf }) =>
              published ? [[`  ${id}`, published.files.join(', '), checkpointsOf.join('; ')]] : [],
            ),
          ),
        ]
      : [
          `Found in ${here}:`,
          table(
            [{ title: '' }, { title: '' }],
            files.map(([path, id]) => [`  ${id}`, path!]),
          ),
        ];
  return [all, '', ...lines].join('\n');
}
