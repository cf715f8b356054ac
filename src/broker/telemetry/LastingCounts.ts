/** Sums that never go down: a source that follows another, and counts from 0, goes on where that one ended. */
export class LastingCounts {
  readonly #sums = new Map<string, number>();
  readonly #taken = new WeakMap<object, Map<string, number>>();

  /**
   * Takes what a source has counted up to now, which must not be less than before.
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
