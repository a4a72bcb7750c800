/** Keeps the values used last, as many as fit a budget of bytes; the newest stays even when it alone is too big. */
export class Cache<Key, Value extends { readonly byteLength: number }> {
  #entries = new Map<Key, Value>();
  #bytes = 0;

  constructor(private readonly budget: number) {}

  get byteLength(): number {
    return this.#bytes;
  }

  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value) {
      // A Map iterates in the order of insertion: the first is what was used longest ago.
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }

  set(key: Key, value: Value): void {
    this.delete(key);
    this.#entries.set(key, value);
    this.#bytes += value.byteLength;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.budget || oldest === key) break;
      this.delete(oldest);
    }
  }

  entries(): IterableIterator<[Key, Value]> {
    return this.#entries.entries();
  }

  delete(key: Key): void {
    const value = this.#entries.get(key);
    if (!value) return;
    this.#entries.delete(key);
    this.#bytes -= value.byteLength;
  }
}
