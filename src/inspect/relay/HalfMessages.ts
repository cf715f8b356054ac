import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** Most bytes of all incomplete messages together. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Bounds the memory of incomplete messages: beyond it, closes the peer with the most bytes. */
export class HalfMessages {
  readonly #bytes = new Map<WebSocket, number>();
  #inAll = 0;

  /** @param connection the WebSocket's TCP connection */
  watch(socket: WebSocket, connection: Socket): void {
    this.#bytes.set(socket, 0);
    const begin = (): void => this.#add(socket, -(this.#bytes.get(socket) ?? 0));
    const takeOff = ({ length }: Buffer): void =>
      this.#add(socket, -Math.min(length, this.#bytes.get(socket) ?? 0));
    // Before the library reads the chunk, so that the `message` event of a message that ends in it comes afterwards.
    connection.prependListener('data', ({ length }: Buffer) => this.#add(socket, length));
    socket.on('message', begin);
    // Control frames may come between a message's fragments and aren't kept.
    socket.on('ping', takeOff);
    socket.on('pong', takeOff);
    socket.once('close', () => {
      begin();
      this.#bytes.delete(socket);
    });
  }

  #add(socket: WebSocket, bytes: number): void {
    const before = this.#bytes.get(socket);
    if (before === undefined) return;
    this.#bytes.set(socket, before + bytes);
    this.#inAll += bytes;
    if (this.#inAll > MAX_BYTES) this.#closeLargest();
  }

  #closeLargest(): void {
    const [largest] = [...this.#bytes].sort(([, a], [, b]) => b - a);
    if (largest === undefined) return;
    const [socket, bytes] = largest;
    this.#bytes.delete(socket);
    this.#inAll -= bytes;
    socket.emit('error', new Error('incomplete message too large'));
    socket.terminate();
  }
}
