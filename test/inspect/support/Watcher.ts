import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { RelayMessage } from '../../../src/inspect/messages/InspectionMessage';

/** A viewer of a relay, as a program. */
export class Watcher {
  readonly messages: RelayMessage[] = [];
  #changed: () => void = () => {};

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => {
      const received: RelayMessage | RelayMessage[] = JSON.parse(String(data));
      this.messages.push(...(Array.isArray(received) ? received : [received]));
      this.#changed();
    });
  }

  /** @param query `?batched` to watch as the page does; nothing to watch as clients of `@statelyai/inspect` do */
  static async watch(url: string, query = ''): Promise<Watcher> {
    const watcher = new Watcher(new WebSocket(`${url.replace('http', 'ws')}${query}`));
    await once(watcher.socket, 'open');
    return watcher;
  }

  /** The first message that passes, once it has come. */
  async find<T extends RelayMessage['type']>(
    type: T,
    passes: (message: RelayMessage & { type: T }) => boolean = () => true,
  ): Promise<RelayMessage & { type: T }> {
    for (;;) {
      const found = this.messages.find(
        (message): message is RelayMessage & { type: T } =>
          message.type === type && passes(message as RelayMessage & { type: T }),
      );
      if (found) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  all<T extends RelayMessage['type']>(type: T): (RelayMessage & { type: T })[] {
    return this.messages.filter((message): message is RelayMessage & { type: T } => message.type === type);
  }

  async close(): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }
}
