import type { Socket } from 'node:net';

// Up to this size, copying is cheaper than writing many buffers.
const MAX_COPIED_BYTES = 16 * 1024;

/**
 * Batches the writes of one turn of the event loop: the first is written at once, the others together at the turn's end. A
 * small message costs mostly the system call and the wake-up of the other side.
 */
export class BatchedWriter {
  readonly #socket: Socket;
  readonly #onWritten: (error?: Error | null) => void;
  #batch: Uint8Array[] = [];
  #isFirst = true;

  /** @param onFailed called when a write fails, before the socket is closed. */
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

  /** Writes the pending batch now. */
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
