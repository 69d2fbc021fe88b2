/** @file Results kept in memory until they take too much of it; the one that was used longest ago goes first. */

interface Entry {
  readonly value: Promise<unknown>;
  /** 0 until it is made. */
  bytes: number;
}

export class MemoryCache {
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** @param limit Bytes. What is larger than that by itself is not kept. */
  constructor(private readonly limit: number) {}

  /**
   * What was made under the key; several that ask at once wait for the same result. A failure is not remembered.
   * @param make Of one type for one key.
   */
  get<T extends { readonly data: ArrayBufferView }>(key: string, make: () => Promise<T>): Promise<T> {
    const found = this.#entries.get(key);
    if (found) {
      this.#entries.delete(key);
      this.#entries.set(key, found);
      return found.value as Promise<T>;
    }
    const value = make();
    const entry: Entry = { value, bytes: 0 };
    this.#entries.set(key, entry);
    value.then(
      ({ data }) => {
        entry.bytes = data.byteLength;
        this.#bytes += entry.bytes;
        this.#evict();
      },
      () => this.#entries.delete(key),
    );
    return value;
  }

  #evict(): void {
    for (const [key, { bytes }] of this.#entries) {
      if (this.#bytes <= this.limit) return;
      if (bytes === 0) continue;
      this.#entries.delete(key);
      this.#bytes -= bytes;
    }
  }
}
