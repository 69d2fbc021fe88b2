/**
 * @file Checkpoints of every model as people have them: wrapped, with prefixes, beside other things, with parts missing. What a
 * pickle says of tensors is all that recognition looks at, so the files here have no data, and are those of whole networks.
 */

import { describe, expect, it, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import type { Shape } from '../../src/core/tensor.ts';
import { unpickle } from '../../src/io/pickle.ts';
import { findStateDict } from '../../src/io/state-dict.ts';
import { PickledStorage, torchGlobal } from '../../src/io/torch-globals.ts';
import type { ModelDefinition } from '../../src/models/definition.ts';
import { normalisation, specGeometry } from '../../src/models/frames.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { type RecognisedWeights, recogniseWeights, weightShapes } from '../../src/models/weights.ts';
import { dict, int, latin1, pickle, str, tensor } from '../io/pickles.ts';

const CLASSES = 7;
const FILE = 'x.pt';

type Shapes = Readonly<Record<string, Shape>>;

/** A state dict as the pickle of a checkpoint describes it. */
function stateDict(shapes: Shapes, type = 'torch FloatStorage'): string {
  const entries = Object.entries(shapes).map(([name, shape], i) => {
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, extent) => product * extent, 1));
    const count = shape.reduce((product, extent) => product * extent, 1);
    return [name, tensor({ key: String(i), type, count, shape: [...shape], strides })] as const;
  });
  return dict(Object.fromEntries(entries));
}

/** What a checkpoint's pickle is recognised as. */
function recognise(value: string, name = FILE, models: Iterable<ModelDefinition> = MODELS): RecognisedWeights {
  const { value: unpickled } = unpickle(latin1(pickle(value)), 0, {
    source: name,
    findGlobal: (module, global) => torchGlobal(module, global, name),
    persistentLoad: (id) => PickledStorage.fromPersistentId(id, name),
  });
  return recogniseWeights(findStateDict(unpickled, name).tensors, name, models);
}

const renamed = (shapes: Shapes, rename: (name: string) => string): Shapes =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [rename(name), shape]));
const prefixed = (shapes: Shapes, prefix: string): Shapes => renamed(shapes, (name) => `${prefix}${name}`);

/** What Adam keeps of each parameter, by its number, and of which group it is. */
const optimizer = (shapes: Shapes): string => {
  const moments = Object.values(shapes)
    .slice(0, 3)
    .map((shape, i) => [String(i), stateDict({ exp_avg: shape, exp_avg_sq: shape })] as const);
  return dict({ state: dict(Object.fromEntries(moments)), param_groups: `](${dict({ lr: int(1) })}e` });
};

/** PyTorch's counters beside every batch norm, and a profiler's beside every layer. */
const counted = (shapes: Shapes): Shapes => ({
  ...shapes,
  ...Object.fromEntries(
    Object.keys(shapes).flatMap((name) => [
      ...(name.endsWith('running_mean') ? [[name.replace('running_mean', 'num_batches_tracked'), []] as const] : []),
      ...(name.endsWith('weight') ? [[name.replace(/weight$/, 'total_ops'), [1]] as const] : []),
    ]),
  ),
});

const WRAPPINGS: Readonly<Record<string, (shapes: Shapes) => string>> = {
  'a state dict': stateDict,
  'state_dict, with an optimizer': (shapes) =>
    dict({ epoch: int(3), state_dict: stateDict(shapes), optimizer: optimizer(shapes) }),
  'model_state, with an optimizer': (shapes) =>
    dict({ model_state: stateDict(shapes), optimizer_state: optimizer(shapes), cfg: str('x') }),
  'model, beside a scaler': (shapes) => dict({ model: stateDict(shapes), scaler: stateDict({ scale: [1] }) }),
  'model_state_dict with module.': (shapes) => dict({ model_state_dict: stateDict(prefixed(shapes, 'module.')) }),
  'module.module.': (shapes) => stateDict(prefixed(shapes, 'module.module.')),
  'module.base_model.': (shapes) => dict({ state_dict: stateDict(prefixed(shapes, 'module.base_model.')) }),
  'base_model.': (shapes) => stateDict(prefixed(shapes, 'base_model.')),
  '_orig_mod.module.': (shapes) => stateDict(prefixed(shapes, '_orig_mod.module.')),
  'net.encoder., beside a head': (shapes) =>
    stateDict({ ...prefixed(shapes, 'net.encoder.'), 'net.projector.0.weight': [128, 64] }),
  'num_batches_tracked and total_ops': (shapes) => stateDict(counted(shapes)),
  'half precision': (shapes) => stateDict(shapes, 'torch HalfStorage'),
  bfloat16: (shapes) => stateDict(shapes, 'torch BFloat16Storage'),
  'double precision': (shapes) => stateDict(shapes, 'torch DoubleStorage'),
};

/** Each publication of each model in PyTorch's axes. */
const PUBLISHED = [...MODELS].flatMap((model) =>
  Object.entries(model.namings ?? {})
    .filter(([, { channelsFirst }]) => channelsFirst && !model.weightsOf)
    .map(([naming]) => ({ model, naming })),
);

const shapesOf = (model: ModelDefinition, naming: string, classes = CLASSES): Shapes =>
  Object.fromEntries(weightShapes(model, naming, modelSpec({ architecture: model, stream: 'rgb', classes })));

describe.each(PUBLISHED)('$model.id in the names of $naming', ({ model, naming }) => {
  const shapes = shapesOf(model, naming);
  // Of models with the same tensors the file's name tells.
  const name = `${model.name}.pt`;

  it.each(Object.keys(WRAPPINGS))('is known under %s', (wrapping) => {
    const { spec, stream, match } = recognise(WRAPPINGS[wrapping]!(shapes), name);
    expect([spec.architecture.id, match.naming, spec.classes, stream]).toEqual([model.id, naming, CLASSES, 'rgb']);
    expect(match.warnings).toEqual(
      wrapping.endsWith('beside a head')
        ? [`${name} has a tensor that ${model.name} has no place for (net.projector.0.weight); it is left out.`]
        : [],
    );
  });

  it('is known without classes', () => {
    const { spec } = recognise(stateDict(shapesOf(model, naming, 0)), name);
    expect([spec.architecture.id, spec.classes]).toEqual([model.id, 0]);
  });

  it('with tensors missing: names each of them', () => {
    const names = Object.keys(shapes);
    const gone = [names[4]!, names[7]!, names.at(-4)!];
    const rest = Object.fromEntries(Object.entries(shapes).filter(([each]) => !gone.includes(each)));
    let message = '';
    try {
      recognise(dict({ state_dict: stateDict(prefixed(rest, 'module.')) }), name);
    } catch (error) {
      message = String(error);
    }
    for (const each of gone) expect(message).toContain(each);
    expect(message).toContain(`which ${model.name} needs`);
  });

  it('with a tensor of another shape: names it', () => {
    const [first] = Object.keys(shapes);
    const wrong = { ...shapes, [first!]: [...shapes[first!]!.slice(0, -1), 1 + shapes[first!]!.at(-1)!] };
    expect(() => recognise(stateDict(wrong), name)).toThrow(`${name}: ${first} has shape`);
  });

  it('by other names: it is the nearest, and the first name that differs is told', () => {
    const value = stateDict(renamed(shapes, (each) => each.replace(/\w+$/, (last) => `${last}_x`)));
    const [first] = Object.keys(shapes);
    expect(() => recognise(value)).toThrow(/^x\.pt does not hold [^.]+ weights: none of its \d+ tensors \(/);
    expect(() => recognise(value)).toThrow(`${first}_x`);
    const nearest = [...MODELS].filter((other) =>
      Object.values(other.namings ?? {}).some(({ origin }) => origin === model.namings![naming]!.origin),
    );
    expect(() => recognise(value)).toThrow(
      new RegExp(`the nearest is (${nearest.map((each) => each.name.replaceAll(/[()+]/g, '\\$&')).join('|')}) of `),
    );
  });
});

describe('the layer for the classes behind others', () => {
  const shapes = shapesOf(MODELS.get('mc3-18'), 'torchvision');
  const behind = (number: number) => renamed(shapes, (name) => name.replace(/^fc\./, `fc.${number}.`));

  it('is taken where these have no tensors, and said', () => {
    const { spec, match } = recognise(stateDict(prefixed(behind(1), 'model.backbone.')));
    expect(spec.classes).toBe(CLASSES);
    expect(match.names.get('fc/weights')).toBe('model.backbone.fc.1.weight');
    expect(match.names.get('fc/bias')).toBe('model.backbone.fc.1.bias');
    expect(match.warnings).toEqual([
      'x.pt has model.backbone.fc.1.weight in its layer for the classes, model.backbone.fc.weight: what stands before it there has no tensors and is taken for dropout.',
    ]);
  });

  it('is left out where they have some: the network gives features', () => {
    const { spec, match } = recognise(stateDict({ ...behind(3), 'fc.0.weight': [32, 512], 'fc.0.bias': [32] }));
    expect(spec.classes).toBe(0);
    for (const name of ['fc.3.weight', 'fc.0.weight']) expect(match.warnings[0]).toContain(name);
  });
});

test.each([...MODELS].filter(({ weightsOf }) => weightsOf))(
  'weights of another model are those of %s where it is asked for',
  (model) => {
    const { id, namings = {}, weightsOf } = model;
    for (const naming of Object.keys(namings).filter((each) => namings[each]!.channelsFirst)) {
      const file = stateDict(shapesOf(model, naming));
      const found = recognise(file);
      expect([found.spec.architecture.id, found.twins, found.match.warnings]).toEqual([weightsOf!.id, [], []]);
      expect(recognise(file, FILE, [model]).spec.architecture.id).toBe(id);
    }
  },
);

test.each([...MODELS])('frames of the size that %s takes are neither resized nor cropped', (model) => {
  const spec = modelSpec({ architecture: model, stream: 'rgb', classes: CLASSES });
  const { size } = spec;
  expect(specGeometry(spec, size, size)).toEqual({
    resized: { height: size, width: size },
    crop: { top: 0, left: 0, height: size, width: size },
    ...normalisation(model.preprocessing),
  });
});
