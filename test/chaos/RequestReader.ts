const NEW_LINE = 10;

/** Takes requests out of a stream: a line of JSON, `{ id, bytes }`, and that many bytes. */
export class RequestReader {
  readonly #onRequest: (id: string, body: Buffer) => void;
  #buffer = Buffer.alloc(0);

  constructor(onRequest: (id: string, body: Buffer) => void) {
    this.#onRequest = onRequest;
  }

  push(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const end = this.#buffer.indexOf(NEW_LINE);
      if (end < 0) return;
      const { id, bytes } = JSON.parse(this.#buffer.toString('utf8', 0, end)) as {
        id: string;
        bytes: number;
      };
      if (this.#buffer.length < end + 1 + bytes) return;
      const body = this.#buffer.subarray(end + 1, end + 1 + bytes);
      this.#buffer = this.#buffer.subarray(end + 1 + bytes);
      this.#onRequest(id, body);
    }
  }
}

/** A request as it stands in a stream. */
export function encodeRequest(id: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ id, bytes: body.length })}\n`), body]);
}
