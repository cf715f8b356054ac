import type { Socket } from 'node:net';

/**
 * Writes what is put in during one turn of the event loop at its end, at once: a system call and the waking of the other
 * side are most of what a small message costs.
 */
export class BatchedWriter {
  readonly #socket: Socket;
  #batch: Buffer[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(bytes: Buffer): void {
    if (this.#batch.push(bytes) === 1) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const [first, ...rest] = this.#batch;
    this.#batch = [];
    if (first !== undefined) this.#socket.write(rest.length === 0 ? first : Buffer.concat([first, ...rest]));
  };
}
