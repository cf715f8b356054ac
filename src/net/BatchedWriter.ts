import type { Socket } from 'node:net';

// Up to here many pieces to write cost more than their copy.
const MAX_COPIED_BYTES = 16 * 1024;

/**
 * Writes the first of what is put in during one turn of the event loop at once, and the rest together at its end: a
 * system call and the waking of the other side are most of what a small message costs.
 */
export class BatchedWriter {
  readonly #socket: Socket;
  readonly #onWritten: (error?: Error | null) => void;
  #batch: Uint8Array[] = [];
  #isFirst = true;

  /** @param onFailed is called before the socket is closed because it can't be written to. */
  constructor(socket: Socket, onFailed: () => void = () => {}) {
    this.#socket = socket;
    this.#onWritten = (error) => {
      if (error) onFailed();
    };
  }

  write(...pieces: readonly Uint8Array[]): void {
    if (!this.#isFirst) {
      this.#batch.push(...pieces);
      return;
    }
    this.#isFirst = false;
    this.#writeAll(pieces);
    setImmediate(() => {
      this.#isFirst = true;
      this.flush();
    });
  }

  /** Writes what waits for the turn's end now. */
  flush(): void {
    const batch = this.#batch;
    this.#batch = [];
    this.#writeAll(batch);
  }

  #writeAll(pieces: readonly Uint8Array[]): void {
    if (pieces.length === 0) return;
    const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (bytes <= MAX_COPIED_BYTES) {
      this.#socket.write(Buffer.concat(pieces), this.#onWritten);
      return;
    }
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece, this.#onWritten);
    this.#socket.uncork();
  }
}
