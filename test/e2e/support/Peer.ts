import { createServer, type Server, type Socket } from 'node:net';
import { encodeFrame } from '../../../src/protocol/encodeFrame';
import { FrameReader } from '../../../src/protocol/FrameReader';
import type { Frame, FrameOf } from '../../../src/protocol/frame';

/** What a peer does with a frame that has come; `say` writes one back. */
export type Answer<T extends 'hello' | 'attach'> = (frame: FrameOf<T>, say: (frame: Frame) => void) => void;

/** A broker or backend in the test's hands. */
export class Peer<T extends 'hello' | 'attach'> {
  readonly frames: FrameOf<T>[] = [];
  answer: Answer<T> = () => {};
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(
    type: T,
    readonly path: string,
  ) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      const reader = new FrameReader();
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('data', (chunk: Buffer) => {
        reader.push(chunk);
        const frame = this.frames.length < 100 ? reader.next() : undefined;
        if (frame?.type !== type) return;
        this.frames.push(frame as FrameOf<T>);
        this.answer(frame as FrameOf<T>, (said) => socket.write(encodeFrame(said)));
      });
    });
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.path, resolve));
  }

  /** Ends every connection; new ones are still taken. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.drop();
    await closed;
  }
}
