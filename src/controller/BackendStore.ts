import { type BackendId, type BackendKey, backendKeyText, parseBackendKeyText } from './BackendKey';
import type { BackendRecord } from './BackendRecord';

/** How many of the oldest records are candidates for eviction. */
const MAX_LOOKED_AT = 16;

/** The significance of a backend's state for eviction; 0 is the lowest. It bounds memory and is no rule of the policy. */
function weightOf({ node, attemptsInFlight }: BackendRecord): number {
  const { value, context } = node.snapshot;
  if (value.handoff === 'adopted') return 3;
  if (attemptsInFlight > 0) return 2;
  return context.failedAttempts > 0 ? 1 : 0;
}

/** The records of a controller's backends, limited in number. */
export class BackendStore {
  /** Separate maps, so that a name never equals the text of a key. */
  readonly #named = new Map<string, BackendRecord>();
  readonly #keyed = new Map<string, BackendRecord>();
  readonly #maxBackends: number;

  constructor(maxBackends: number) {
    this.#maxBackends = maxBackends;
  }

  findNamed(name: string): BackendRecord | undefined {
    return this.#named.get(name);
  }

  findKeyed(key: BackendKey): BackendRecord | undefined {
    return this.#keyed.get(backendKeyText(key));
  }

  /** Returns a function that finds one backend's record without building its key text again. */
  finderOf(id: BackendId): () => BackendRecord | undefined {
    const [records, text] = this.#placeOf(id);
    return () => records.get(text);
  }

  /** In the order of creation. */
  entries(): [BackendId, BackendRecord][] {
    const named: [BackendId, BackendRecord][] = [...this.#named];
    const keyed = Array.from(this.#keyed, ([text, record]): [BackendId, BackendRecord] => [
      parseBackendKeyText(text),
      record,
    ]);
    // Each map is already sorted.
    if (named.length === 0) return keyed;
    if (keyed.length === 0) return named;
    return [...named, ...keyed].sort(([, a], [, b]) => a.serial - b.serial);
  }

  /** Adds a record. At the limit it evicts another one first and returns it, so that the caller can release it. */
  add(id: BackendId, record: BackendRecord): BackendRecord | undefined {
    const evicted = this.#named.size + this.#keyed.size >= this.#maxBackends ? this.#evict() : undefined;
    const [records, text] = this.#placeOf(id);
    records.set(text, record);
    return evicted;
  }

  delete(id: BackendId): void {
    const [records, text] = this.#placeOf(id);
    records.delete(text);
  }

  clear(): void {
    this.#named.clear();
    this.#keyed.clear();
  }

  #placeOf(id: BackendId): [Map<string, BackendRecord>, string] {
    return typeof id === 'string' ? [this.#named, id] : [this.#keyed, backendKeyText(id)];
  }

  /** Evicts the least significant of the 16 oldest. */
  #evict(): BackendRecord | undefined {
    const [named] = this.#named.values();
    const [keyed] = this.#keyed.values();
    const isNameOldest = keyed === undefined || (named !== undefined && named.serial < keyed.serial);
    const records = isNameOldest ? this.#named : this.#keyed;
    let chosen: [string, BackendRecord] | undefined;
    let looked = 0;
    for (const entry of records) {
      if (chosen === undefined || weightOf(entry[1]) < weightOf(chosen[1])) chosen = entry;
      if (++looked === MAX_LOOKED_AT || weightOf(chosen[1]) === 0) break;
    }
    if (chosen === undefined) return undefined;
    records.delete(chosen[0]);
    return chosen[1];
  }
}
