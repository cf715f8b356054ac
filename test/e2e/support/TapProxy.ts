import { connect, createServer, type Server, type Socket } from 'node:net';

/** What went over one connection. */
export interface TappedConnection {
  /** By the client. */
  readonly sent: () => Buffer;
  readonly received: () => Buffer;
}

/** Stands between clients and a broker, and keeps a copy of every byte. */
export class TapProxy {
  readonly connections: TappedConnection[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(brokerPath: string) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const broker = connect({ path: brokerPath, allowHalfOpen: true });
      this.connections.push({ sent: this.#relay(client, broker), received: this.#relay(broker, client) });
    });
  }

  static async start(path: string, brokerPath: string): Promise<TapProxy> {
    const proxy = new TapProxy(brokerPath);
    await new Promise<void>((resolve) => proxy.#server.listen(path, resolve));
    return proxy;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #relay(from: Socket, to: Socket): () => Buffer {
    const chunks: Buffer[] = [];
    this.#sockets.add(from);
    from.on('error', () => {});
    from.on('data', (chunk: Buffer) => chunks.push(chunk));
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.pipe(to);
    return () => Buffer.concat(chunks);
  }
}
