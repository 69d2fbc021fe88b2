/** @file Which models are known where files are read: a list that is handed over, not a place where modules leave their own. */

import { describeValue, nearestNames } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { isModelDefinition, type ModelDefinition } from './definition.ts';

/** @throws InputError unless these are models in a list, such as a registry. */
export function checkModels(models: unknown): asserts models is Iterable<ModelDefinition> {
  if (typeof models === 'object' && models !== null && Symbol.iterator in models) return;
  throw new InputError(
    `The models that a file may hold must be a list or a registry, such as MODELS, not ${describeValue(models)}.`,
  );
}

export class ModelRegistry implements Iterable<ModelDefinition> {
  private readonly byId: ReadonlyMap<string, ModelDefinition>;

  /** @throws InputError for what `defineModel` did not make, and for two of one id. */
  constructor(models: Iterable<ModelDefinition>) {
    checkModels(models);
    const byId = new Map<string, ModelDefinition>();
    for (const model of models) {
      if (!isModelDefinition(model)) throw new InputError('A registry takes models that defineModel made.');
      if (byId.has(model.id)) throw new InputError(`There are two models of the id ${model.id} in a registry.`);
      byId.set(model.id, model);
    }
    this.byId = byId;
  }

  get ids(): readonly string[] {
    return [...this.byId.keys()];
  }

  [Symbol.iterator](): Iterator<ModelDefinition> {
    return this.byId.values();
  }

  /**
   * @param source What the id was read from, for messages.
   * @throws InputError with the ids that there are, where this is none of them.
   */
  get(id: unknown, source = 'The model'): ModelDefinition {
    const model = typeof id === 'string' ? this.byId.get(id) : undefined;
    if (model) return model;
    const [near] = typeof id === 'string' ? nearestNames(id, this.ids) : [];
    const advice = near === undefined ? '' : `; did you mean ${near}?`;
    const given = id === undefined ? '' : `, not ${JSON.stringify(id)}`;
    throw new InputError(
      `${source}: architecture must be one of ${this.ids.join(', ')}${given}${advice === '' ? '.' : advice}`,
    );
  }

  /** These models and some more. Throws as the constructor does. */
  with(...models: readonly ModelDefinition[]): ModelRegistry {
    return new ModelRegistry([...this, ...models]);
  }
}
