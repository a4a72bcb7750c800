/** Keeps the values used last, as many as fit a budget of bytes; the newest stays even when it alone is too big. */
export class Cache<Key, Value extends { readonly byteLength: number }> extends Map<Key, Value> {
  byteLength = 0;

  constructor(private readonly budget: number) {
    super();
  }

  override get(key: Key): Value | undefined {
    const value = super.get(key);
    if (value) {
      // A Map iterates in the order of insertion: the first is what was used longest ago.
      super.delete(key);
      super.set(key, value);
    }
    return value;
  }

  override set(key: Key, value: Value): this {
    this.delete(key);
    super.set(key, value);
    this.byteLength += value.byteLength;
    for (const oldest of this.keys()) {
      if (this.byteLength <= this.budget || oldest === key) break;
      this.delete(oldest);
    }
    return this;
  }

  override delete(key: Key): boolean {
    this.byteLength -= super.get(key)?.byteLength ?? 0;
    return super.delete(key);
  }
}
