/** @file Which clips make a training batch, and how each is shown: a function of the seed and the batch's number alone. */

import { InputError } from '../../core/errors.ts';
import { Random } from '../../core/random.ts';
import type { PretextTask } from '../pretext/task.ts';
import { type AugmentationOptions, checkAugmentation, planClip } from './augmentation.ts';
import { type Batch, type BatchSize, gather, type Sample } from './batch.ts';
import type { ClipCache } from './clip_cache.ts';
import type { PreparedSet } from './prepare.ts';

export interface SamplerOptions extends BatchSize {
  readonly seed: number;
  readonly augmentation: AugmentationOptions;
  /** Show every class equally often: clips of smaller classes come more than once in an epoch. */
  readonly balanced?: boolean;
  /**
   * For each class the one that its mirror image belongs to, −1 where it belongs to none, so that it is never mirrored;
   * see `mirroredClasses`. Every class is its own mirror image where left out.
   */
  readonly mirror?: readonly number[];
  /** Gives the targets in place of the classes, and says which frames are shown; clips must be long enough for it. */
  readonly pretext?: PretextTask | undefined;
}

/**
 * Batches of training clips. Every clip comes once in an epoch, in an order that is new in each; where classes are balanced, as
 * often as makes its class as large as the largest. Batches follow each other without regard to where an epoch ends.
 */
export class Sampler {
  /** Samples in an epoch. */
  readonly epoch: number;
  /** Indices of the training clips by class, without the classes that have none. */
  readonly #members: readonly (readonly number[])[];
  readonly #orders = new Map<number, readonly number[]>();

  /** @throws InputError when the set has no training clips, or an augmentation is out of its range. */
  constructor(
    private readonly set: PreparedSet,
    private readonly cache: ClipCache,
    private readonly options: SamplerOptions,
  ) {
    checkAugmentation(options.augmentation);
    const members = set.classes.map((_, label) =>
      set.clips.flatMap((clip, index) => (clip.split === 'train' && clip.label === label ? [index] : [])),
    );
    this.#members = members.filter((clips) => clips.length > 0);
    if (this.#members.length === 0) throw new InputError(`${set.source} has no clips to train on.`);
    const sizes = this.#members.map((clips) => clips.length);
    this.epoch = options.balanced
      ? Math.max(...sizes) * sizes.length
      : sizes.reduce((total, count) => total + count, 0);
  }

  /**
   * @param index 0, 1, 2, …; the same samples for the same index, in whatever order batches are asked for.
   * @throws InputError when a clip can no longer be read.
   */
  batch(index: number): Promise<Batch> {
    const { batch } = this.options;
    const samples = Array.from({ length: batch }, (_, i) => this.#sample(index * batch + i));
    const { classes } = this.options.pretext ?? this.set;
    return gather(this.cache, samples, classes.length, this.options);
  }

  /** @param position Samples before it, since the first epoch. */
  #sample(position: number): Sample {
    const { set, options } = this;
    const order = this.#order(Math.floor(position / this.epoch));
    const index = order[position % this.epoch]!;
    const source = set.clips[index]!;
    const reversed = options.mirror ? options.mirror[source.label]! : source.label;
    const augmentation = reversed < 0 ? { ...options.augmentation, flip: false } : options.augmentation;
    const random = new Random(options.seed, 'samples').fork(position);
    if (options.pretext) {
      const shown = options.pretext.show(random.fork('pretext'), source.frames, options.frames);
      const plan = planClip(random, options.augmentation, source, options, shown);
      return { clip: index, source, label: shown.target, plan };
    }
    const plan = planClip(random, augmentation, source, options);
    const flipped = plan.geometry[4] === 1;
    return { clip: index, source, label: flipped ? reversed : source.label, plan };
  }

  #order(epoch: number): readonly number[] {
    const known = this.#orders.get(epoch);
    if (known) return known;
    const random = new Random(this.options.seed, 'order').fork(epoch);
    const order = random.shuffle(this.options.balanced ? this.#balanced(random) : this.#members.flat());
    // A batch reaches into the next epoch at most, and the one after it may be asked for already.
    if (this.#orders.size >= 4) this.#orders.clear();
    this.#orders.set(epoch, order);
    return order;
  }

  /** Each class repeated to the size of the largest; which of its clips come once more is drawn anew in each epoch. */
  #balanced(random: Random): number[] {
    const most = Math.max(...this.#members.map((clips) => clips.length));
    return this.#members.flatMap((clips, i) => {
      const extra = random
        .fork(`class ${i}`)
        .shuffle(clips)
        .slice(0, most % clips.length);
      const whole = Array.from({ length: Math.floor(most / clips.length) }, () => clips);
      return [...whole.flat(), ...extra];
    });
  }
}
