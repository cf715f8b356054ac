import { MAX_REPLICAS } from '../protocol/wireLimits';
import { RecentMap } from './RecentMap';

/** A backend process that a broker handed a connection to. */
export interface KnownBackend {
  /** Id of the process. */
  readonly backend: string;
  /** Path of its own socket. */
  readonly endpoint: string;
  /** The broker's deadline for it to take a connection, in milliseconds. */
  readonly deadlineMs: number;
}

/** A client's request to a broker. */
export interface Destination {
  readonly socketPath: string;
  readonly service: string;
  readonly version: string;
}

/** So that at most every 65th connection is announced once all replicas are known. */
const MAX_USES_PER_QUESTION = 64;

interface Entry {
  /** The next one to use first. */
  processes: KnownBackend[];
  /** Uses until the broker is asked again: there may be replicas that aren't known yet. */
  usesLeft: number;
  /** Doubled each time that the broker names a process that is known already. */
  usesPerQuestion: number;
}

/**
 * The backend processes that took this process's connections, so that a broker needn't announce them again. A service may have
 * several: they are used in turn. An entry may be stale, so the broker checks it. Evicts the destination used least recently.
 */
export class KnownBackends {
  readonly #entries: RecentMap<Entry>;

  constructor(maxEntries = 256) {
    this.#entries = new RecentMap(maxEntries);
  }

  /** The process to use next for a destination; undefined if the broker has to be asked. */
  find(destination: Destination): KnownBackend | undefined {
    const key = keyOf(destination);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.set(key, entry);
    if (entry.usesLeft === 0) return undefined;
    entry.usesLeft -= 1;
    const next = entry.processes.shift();
    if (next !== undefined) entry.processes.push(next);
    return next;
  }

  /** Adds the process that the broker named. */
  remember(destination: Destination, known: KnownBackend): void {
    const key = keyOf(destination);
    const entry = this.#entries.get(key) ?? { processes: [], usesLeft: 0, usesPerQuestion: 1 };
    const others = entry.processes.filter(({ backend }) => backend !== known.backend);
    const isNew = others.length === entry.processes.length;
    entry.processes = [...others, known].slice(-MAX_REPLICAS);
    entry.usesPerQuestion = isNew ? 1 : Math.min(MAX_USES_PER_QUESTION, 2 * entry.usesPerQuestion);
    entry.usesLeft = entry.usesPerQuestion;
    this.#entries.set(key, entry);
  }

  /** Forgets a process. */
  forget(destination: Destination, backend: string): void {
    const key = keyOf(destination);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.processes = entry.processes.filter((each) => each.backend !== backend);
    if (entry.processes.length === 0) this.#entries.delete(key);
  }
}

function keyOf({ socketPath, service, version }: Destination): string {
  // No path contains NUL. If two destinations still collide, the broker refuses the wrong one, which costs one round.
  return `${socketPath}\0${service}\0${version}`;
}
