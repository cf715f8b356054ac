/** The brokers that this process has reached, by the paths of their sockets. Evicts the least recently reached. */
export class ReachedBrokers {
  readonly #maxPaths: number;
  // Least recently reached first.
  readonly #paths = new Set<string>();

  constructor(maxPaths = 256) {
    this.#maxPaths = maxPaths;
  }

  has(socketPath: string): boolean {
    return this.#paths.has(socketPath);
  }

  add(socketPath: string): void {
    this.#paths.delete(socketPath);
    this.#paths.add(socketPath);
    if (this.#paths.size <= this.#maxPaths) return;
    for (const oldest of this.#paths) {
      this.#paths.delete(oldest);
      return;
    }
  }
}
