import { type BackendId, type BackendKey, backendKeyText, parseBackendKeyText } from './BackendKey';
import type { BackendRecord } from './BackendRecord';

/** How many are looked at to find the one to evict. */
const MAX_LOOKED_AT = 16;

/** How much a backend's state matters: 0 is nothing. A bound on memory, not a rule of the policy. */
function weightOf({ node, attemptsInFlight }: BackendRecord): number {
  const { value, context } = node.snapshot;
  if (value.handoff === 'adopted') return 3;
  if (attemptsInFlight > 0) return 2;
  return context.failedAttempts > 0 ? 1 : 0;
}

/** The records of the backends that a controller holds state for, bounded in number. */
export class BackendStore {
  /** Backends by name; and, apart from them so that the two never meet, by the text of their key. */
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

  /** Finds one backend's record without making the text of its key again. */
  finderOf(id: BackendId): () => BackendRecord | undefined {
    const [records, text] = this.#placeOf(id);
    return () => records.get(text);
  }

  /** In the order of their making. */
  entries(): [BackendId, BackendRecord][] {
    const named: [BackendId, BackendRecord][] = [...this.#named];
    const keyed = Array.from(this.#keyed, ([text, record]): [BackendId, BackendRecord] => [
      parseBackendKeyText(text),
      record,
    ]);
    // Each is in order by itself.
    if (named.length === 0) return keyed;
    if (keyed.length === 0) return named;
    return [...named, ...keyed].sort(([, a], [, b]) => a.serial - b.serial);
  }

  /** Adds a record. Where that is one too many, another is evicted first, and returned: its owner has to let go of it. */
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

  /** Evicts the least significant of the oldest few. */
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
