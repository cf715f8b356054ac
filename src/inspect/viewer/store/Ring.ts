/** Keeps the last `limit` items. Index 0 is the oldest kept item. */
export class Ring<T> {
  #items: T[] = [];
  /** Dropped items at the front, removed in bulk: removing them one by one would copy the array each time. */
  #dropped = 0;

  constructor(readonly limit: number) {}

  get length(): number {
    return this.#items.length - this.#dropped;
  }

  push(item: T): void {
    this.#items.push(item);
    if (this.length > this.limit) this.#dropped++;
    if (this.#dropped > this.limit) {
      this.#items = this.#items.slice(this.#dropped);
      this.#dropped = 0;
    }
  }

  replaceLast(item: T): void {
    this.#items[this.#items.length - 1] = item;
  }

  at(index: number): T | undefined {
    return index < 0 ? undefined : this.#items[this.#dropped + index];
  }

  last(): T | undefined {
    return this.at(this.length - 1);
  }

  toArray(): T[] {
    return this.#items.slice(this.#dropped);
  }

  clear(): void {
    this.#items = [];
    this.#dropped = 0;
  }
}
