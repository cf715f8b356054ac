/** Sums counts over successive sources: a new source that counts from 0 continues the total of the earlier ones. */
export class LastingCounts {
  readonly #sums = new Map<string, number>();
  readonly #taken = new WeakMap<object, Map<string, number>>();

  /**
   * Takes a source's present count, which must never decrease.
   *
   * @returns the sum of all sources.
   */
  take(source: object, series: string, count: number): number {
    const taken = this.#taken.get(source) ?? new Map<string, number>();
    this.#taken.set(source, taken);
    const sum = (this.#sums.get(series) ?? 0) + count - (taken.get(series) ?? 0);
    this.#sums.set(series, sum);
    taken.set(series, count);
    return sum;
  }
}
