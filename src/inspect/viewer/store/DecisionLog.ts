/** Most seconds kept. */
const MAX_SECONDS = 180;

/** Counts of each decision (`attempt` or a reason to reconnect) by second. */
export class DecisionLog {
  readonly #seconds = new Map<number, Map<string, number>>();

  /** @param at milliseconds since 1970 */
  add(at: number, decision: string): void {
    const second = Math.floor(at / 1_000);
    let counts = this.#seconds.get(second);
    if (!counts) {
      counts = new Map();
      this.#seconds.set(second, counts);
      const [oldest] = this.#seconds.keys();
      if (this.#seconds.size > MAX_SECONDS && oldest !== undefined) this.#seconds.delete(oldest);
    }
    counts.set(decision, (counts.get(decision) ?? 0) + 1);
  }

  /** Counts by decision for the last `seconds` seconds, including that of `until` (milliseconds since 1970), oldest first. */
  counts(until: number, seconds: number): ReadonlyMap<string, readonly number[]> {
    const end = Math.floor(until / 1_000);
    const rows = new Map<string, number[]>();
    for (let index = 0; index < seconds; index++) {
      for (const [decision, count] of this.#seconds.get(end - seconds + 1 + index) ?? []) {
        let row = rows.get(decision);
        if (!row) {
          row = Array.from({ length: seconds }, () => 0);
          rows.set(decision, row);
        }
        row[index] = count;
      }
    }
    return rows;
  }

  clear(): void {
    this.#seconds.clear();
  }
}
