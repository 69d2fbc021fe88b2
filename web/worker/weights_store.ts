/** @file The weights that can be chosen: those that come with the page, files that were dropped, and files that the browser keeps. */

import flowUrl from '../../models/flow.safetensors?url';
import rgbUrl from '../../models/rgb.safetensors?url';
import { InputError } from '../../src/core/errors.ts';
import type { ModelSpec } from '../../src/models/definition.ts';
import { type LoadedModel, loadModel, loadTensorFlow } from '../../src/recognition/load_model.ts';
import { Keep } from './keep.ts';
import type { ChosenWeights, WeightsEntry } from './protocol.ts';

/** The networks of a recognition: one or two. */
export interface Networks {
  readonly rgb: LoadedModel | undefined;
  readonly flow: LoadedModel | undefined;
  /** What decides how clips are read: RGB's where there is one. */
  readonly spec: ModelSpec;
}

export type Tell = (text: string, done?: number) => void;

const SHIPPED = [
  { id: 'small-rgb', name: 'Small, comes with the page', url: rgbUrl },
  { id: 'small-flow', name: 'Small, comes with the page', url: flowUrl },
] as const;

interface Held {
  entry: WeightsEntry;
  /** Read when they are wanted, once. */
  model: Promise<LoadedModel> | undefined;
  /** Where they come from, for reading and keeping them. */
  readonly files: () => Promise<readonly File[]>;
}

export class WeightsStore {
  readonly #held = new Map<string, Held>();
  readonly #keep = new Keep();
  #found: Promise<void> | undefined;

  /** All that can be chosen. */
  async list(): Promise<readonly WeightsEntry[]> {
    this.#found ??= this.#find();
    await this.#found;
    return [...this.#held.values()].map(({ entry }) => entry);
  }

  /**
   * Reads weights from files and adds them; several may be one checkpoint of TensorFlow.
   * @throws InputError for files that hold none.
   */
  async add(files: readonly File[], keep: boolean, signal: AbortSignal, tell: Tell): Promise<readonly WeightsEntry[]> {
    await this.list();
    for (const group of groups(files)) {
      const [{ name }] = group as [File];
      const model = await read(group, signal, progressOf(`Reading ${name}`, tell));
      if (model.classes.length === 0) {
        throw new InputError(
          `${name} has no layer for classes: it gives features only; use weights that name classes.`,
        );
      }
      const id = crypto.randomUUID();
      const bytes = group.reduce((sum, { size }) => sum + size, 0);
      const entry = entryOf(id, name, model, { bytes, shipped: false, kept: false });
      this.#held.set(id, { entry, model: Promise.resolve(model), files: async () => group });
      if (keep) await this.keep(id, signal, tell);
    }
    return this.list();
  }

  /** Puts weights into the browser's storage. */
  async keep(id: string, signal: AbortSignal, tell: Tell): Promise<readonly WeightsEntry[]> {
    const held = this.#get(id);
    if (!held.entry.kept && !held.entry.shipped) {
      const entry = { ...held.entry, kept: true };
      await this.#keep.put(entry, await held.files(), signal, progressOf(`Keeping ${entry.name}`, tell));
      held.entry = entry;
    }
    return this.list();
  }

  /** Drops weights, from the browser's storage too. */
  async forget(id: string): Promise<readonly WeightsEntry[]> {
    if (this.#get(id).entry.kept) await this.#keep.remove(id);
    this.#held.delete(id);
    return this.list();
  }

  /** The chosen networks, read where they are not yet. */
  async networks(chosen: ChosenWeights, signal: AbortSignal, tell: Tell): Promise<Networks> {
    await this.list();
    const rgb = chosen.rgb === undefined ? undefined : await this.#model(chosen.rgb, signal, tell);
    const flow = chosen.flow === undefined ? undefined : await this.#model(chosen.flow, signal, tell);
    const first = rgb ?? flow;
    if (!first) throw new InputError('No network is chosen; choose one that looks at frames, at motion, or both.');
    return { rgb, flow, spec: first.spec };
  }

  #get(id: string): Held {
    const held = this.#held.get(id);
    if (!held) throw new InputError('These weights are no longer there; choose others.');
    return held;
  }

  async #model(id: string, signal: AbortSignal, tell: Tell): Promise<LoadedModel> {
    const held = this.#get(id);
    held.model ??= held.files().then((files) => read(files, signal, progressOf(`Reading ${held.entry.name}`, tell)));
    try {
      return await held.model;
    } catch (error) {
      // Another try may do better: a reading that was cancelled is none of a file's faults.
      held.model = undefined;
      throw error;
    }
  }

  async #find(): Promise<void> {
    for (const { id, name, url } of SHIPPED) {
      // Relative to this module's own address: a worker that began in a blob has none.
      const model = await loadModel(new URL(url, import.meta.url));
      const entry = entryOf(id, name, model, { bytes: 0, shipped: true, kept: false });
      this.#held.set(id, { entry, model: Promise.resolve(model), files: async () => [] });
    }
    for (const entry of await this.#keep.list()) {
      this.#held.set(entry.id, { entry, model: undefined, files: () => this.#keep.files(entry.id) });
    }
  }
}

/** Files that are read together: the index of a TensorFlow checkpoint with its data, any other by itself. */
function groups(files: readonly File[]): File[][] {
  const stem = ({ name }: File): string | undefined => /^(.+)\.(?:index|meta|data-\d{5}-of-\d{5})$/.exec(name)?.[1];
  const checkpoints = new Map<string, File[]>();
  const others: File[][] = [];
  for (const file of files) {
    const name = stem(file);
    if (name === undefined) others.push([file]);
    else checkpoints.set(name, [...(checkpoints.get(name) ?? []), file]);
  }
  return [...checkpoints.values(), ...others];
}

function read(
  files: readonly File[],
  signal: AbortSignal,
  onProgress: (done: number, total: number | undefined) => void,
): Promise<LoadedModel> {
  const [first] = files;
  const isCheckpoint = files.length > 1 || /\.(?:index|data-\d{5}-of-\d{5})$/.test(first!.name);
  return isCheckpoint ? loadTensorFlow(files, { signal, onProgress }) : loadModel(first!, { signal, onProgress });
}

const progressOf =
  (text: string, tell: Tell) =>
  (done: number, total: number | undefined): void =>
    tell(text, total === undefined ? undefined : done / total);

function entryOf(
  id: string,
  name: string,
  { spec, stream, classes, warnings }: LoadedModel,
  rest: Pick<WeightsEntry, 'bytes' | 'shipped' | 'kept'>,
): WeightsEntry {
  const { architecture, frames, size, fps } = spec;
  return { id, name, stream, model: architecture.name, classes: classes.length, frames, size, fps, ...rest, warnings };
}
