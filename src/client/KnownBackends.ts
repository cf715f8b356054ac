/** A backend process that a broker handed a connection to. */
export interface KnownBackend {
  /** Which process. */
  readonly backend: string;
  /** Path of its own socket. */
  readonly endpoint: string;
  /** Milliseconds that the broker gives it to take a connection. */
  readonly deadlineMs: number;
}

/** What a client asked a broker for. */
export interface Destination {
  readonly socketPath: string;
  readonly service: string;
  readonly version: string;
}

/**
 * The backends that this process's connections were handed to, so that a broker need not name them again. What it says
 * may be out of date: the broker has to agree. The one that was used the longest ago goes first.
 */
export class KnownBackends {
  readonly #maxEntries: number;
  // In the order of their last use.
  readonly #entries = new Map<string, KnownBackend>();

  constructor(maxEntries = 256) {
    this.#maxEntries = maxEntries;
  }

  /** The backend that the last connection to a destination was handed to. */
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

  /** Forgets a backend, unless another one has taken its place. */
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
  // No path has a NUL. Should two destinations meet all the same, the broker doesn't agree, and no more is lost than a round.
  return `${socketPath}\0${service}\0${version}`;
}
