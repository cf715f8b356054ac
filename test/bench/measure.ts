/** Something to be measured beside others. */
export interface Subject {
  readonly name: string;
  /** Calls in one run: enough of them that the clock's own cost disappears. */
  readonly calls: number;
  readonly run: () => unknown;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  if (low === undefined || high === undefined) throw new Error('Nothing was measured');
  return (low + high) / 2;
}

/** What was measured: a figure per subject and round. */
export class Rounds {
  readonly #samples: ReadonlyMap<string, readonly number[]>;

  constructor(samples: ReadonlyMap<string, readonly number[]>) {
    this.#samples = samples;
  }

  /** Nanoseconds a call: the median over the rounds. */
  nanoseconds(name: string): number {
    return median(this.#of(name));
  }

  /** One beside another: the median of the rounds' ratios, since a slow moment of the machine is slow for both. */
  ratio(name: string, beside: string): number {
    const others = this.#of(beside);
    return median(this.#of(name).map((value, round) => value / (others[round] ?? Number.NaN)));
  }

  #of(name: string): readonly number[] {
    const samples = this.#samples.get(name);
    if (samples === undefined) throw new Error(`${name} was not measured`);
    return samples;
  }
}

/** Runs each subject once in every round, so that a machine that is slow for a while is slow for all. */
export async function measure(subjects: readonly Subject[], rounds: number, timeMs: number): Promise<Rounds> {
  // An ES module, which CommonJS loads this way.
  const { Bench } = await import('tinybench');
  const samples = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, calls, run } of subjects) {
      const bench = new Bench({ time: timeMs, iterations: 5, warmup: false });
      bench.add(name, run);
      const [task] = await bench.run();
      const result = task?.result;
      if (result === undefined || !('latency' in result)) throw new Error(`${name} was not measured`);
      // The first round only warms up: all subjects have run before any of them counts.
      if (round >= 0) samples.get(name)?.push((result.latency.p50 * 1e6) / calls);
    }
  }
  return new Rounds(samples);
}
