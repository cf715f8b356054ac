/** Keeps the last items. Reading is by age: index 0 is the oldest that is kept. */
export class Ring<T> {
  #items: T[] = [];
  /** Items in front that are no longer kept: removing them one by one would cost their number each time. */
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
