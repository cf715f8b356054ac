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

/**
 * The backends that took this process's connections, so that a broker needn't announce them again. An entry may be stale, so
 * the broker checks it. Evicts the least recently used.
 */
export class KnownBackends {
  readonly #maxEntries: number;
  // Least recently used first.
  readonly #entries = new Map<string, KnownBackend>();

  constructor(maxEntries = 256) {
    this.#maxEntries = maxEntries;
  }

  /** The backend that took the last connection to a destination. */
  find(destination: Destination): KnownBackend | undefined {
    const key = keyOf(destination);
    const known = this.#entries.get(key);
    if (known !== undefined) this.#put(key, known);
    return known;
  }

  remember(destination: Destination, known: KnownBackend): void {
    this.#put(keyOf(destination), known);
    if (this.#entries.size <= this.#maxEntries) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  /** Forgets a backend, unless another one has replaced it. */
  forget(destination: Destination, backend: string): void {
    const key = keyOf(destination);
    if (this.#entries.get(key)?.backend === backend) this.#entries.delete(key);
  }

  #put(key: string, known: KnownBackend): void {
    this.#entries.delete(key);
    this.#entries.set(key, known);
  }
}

function keyOf({ socketPath, service, version }: Destination): string {
  // No path contains NUL. If two destinations still collide, the broker refuses the wrong one, which costs one round.
  return `${socketPath}\0${service}\0${version}`;
}
