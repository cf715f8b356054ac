import type { Socket } from 'node:net';
import type { ChannelAnswer } from '../protocol/channelRecord';
import type { BrokerMessage, ReceivedMessage } from '../protocol/ipcMessage';
import type { Application } from './Application';
import type { ClaimTable } from './ClaimTable';
import { HandoffReceiver } from './HandoffReceiver';

/** What all channels of a process work with. */
export interface BrokerChannelOptions {
  readonly claims: ClaimTable;
  readonly application: Application;
  /** Milliseconds that a client has to take its `ready`. */
  readonly readyTimeoutMs: number;
  /** A broker asks this process to take no new connections. */
  readonly onDrain: () => void;
}

/** The process's end of a channel to one broker. Answers go to the broker that asked. */
export abstract class BrokerChannel {
  readonly #options: BrokerChannelOptions;
  readonly #receiver: HandoffReceiver;

  constructor(options: BrokerChannelOptions) {
    this.#options = options;
    const { claims, application, readyTimeoutMs } = options;
    this.#receiver = new HandoffReceiver({
      answer: (answer) => this.answer(answer),
      claims,
      application,
      readyTimeoutMs,
    });
  }

  /** A message has come, and perhaps a handle with it. */
  receive(received: Exclude<ReceivedMessage<BrokerMessage>, 'foreign'>, socket: Socket | undefined): void {
    if ('invalid' in received) {
      this.#receiver.receiveInvalid(received.invalid, socket);
      return;
    }
    const { message } = received;
    switch (message.type) {
      case 'handoff':
        this.#receiver.receive(message, socket);
        return;
      case 'sync':
        this.#receiver.sync(message.token);
        return;
      case 'drain':
        this.#options.onDrain();
        return;
    }
  }

  /** Answers for a handle. A broker that is gone needs no answer. */
  answer(message: ChannelAnswer): void {
    this.send(message);
  }

  /** Takes no more handles. */
  stopTaking(): void {
    this.#receiver.close();
  }

  /** Sends the acknowledgements that still wait for their turn. */
  flush(): void {
    this.#receiver.flush();
  }

  /** Leaves the broker. */
  abstract close(): void;

  protected abstract send(message: ChannelAnswer): void;
}
