/** @file Copies of what a caller may change as soon as a call has returned. Their memory is used again: new pages cost more than the copy. */

import type { DType, HostTensor, TypedArrayOf } from './tensor.ts';

type Numbers = TypedArrayOf[DType];

/** A copy, until it is released. */
interface Snapshot<T extends HostTensor = HostTensor> {
  readonly tensor: T;
  /** Gives the memory back; the tensor must not be read any more. */
  release(): void;
}

export class SnapshotPool {
  private readonly free: ArrayBuffer[] = [];

  /** @param kept How many copies of memory stay for later ones. */
  constructor(private readonly kept: number) {}

  /** Bytes that lie here unused. */
  get bytes(): number {
    return this.free.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  copy<T extends HostTensor>(tensor: T): Snapshot<T> {
    const { data } = tensor;
    const fitting = this.free.findIndex(({ byteLength }) => byteLength === data.byteLength);
    const memory = fitting < 0 ? new ArrayBuffer(data.byteLength) : this.free.splice(fitting, 1)[0]!;
    new Uint8Array(memory).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const made = data.constructor as new (buffer: ArrayBuffer) => Numbers;
    // Buffer, a Uint8Array of Node, cannot be made over memory by its constructor.
    const copied = data instanceof Uint8Array ? new Uint8Array(memory) : new made(memory);
    return {
      tensor: { ...tensor, data: copied },
      release: () => {
        if (this.free.length === this.kept) this.free.shift();
        this.free.push(memory);
      },
    };
  }
}
