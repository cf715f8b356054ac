import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** Bytes of all messages together of which the end has not come. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Bounds what is held of messages that are on their way: the peer with the most is closed when it's too much. */
export class HalfMessages {
  readonly #bytes = new Map<WebSocket, number>();
  #inAll = 0;

  /** @param connection what carries it */
  watch(socket: WebSocket, connection: Socket): void {
    this.#bytes.set(socket, 0);
    const begin = (): void => this.#add(socket, -(this.#bytes.get(socket) ?? 0));
    const takeOff = ({ length }: Buffer): void =>
      this.#add(socket, -Math.min(length, this.#bytes.get(socket) ?? 0));
    // Before the library takes it, so that the end of a message within it is seen afterwards.
    connection.prependListener('data', ({ length }: Buffer) => this.#add(socket, length));
    socket.on('message', begin);
    // They may come between a message's parts, and are not kept.
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
    socket.emit('error', new Error('too much of a message that has no end'));
    socket.terminate();
  }
}
