import type { Socket } from 'node:net';
import type { ChannelAnswer } from '../protocol/channelRecord';
import { type HandoffMessage, type RefuseCode, tokenOf } from '../protocol/ipcMessage';
import { PROTOCOL_VERSION } from '../protocol/wireLimits';
import type { Application } from './Application';
import type { BackendConnectionInfo } from './BackendOptions';
import type { ClaimTable } from './ClaimTable';
import { writeReady } from './writeReady';

/** What a {@link HandoffReceiver} works with. */
export interface HandoffReceiverOptions {
  /** Tells the broker what became of a handle. */
  readonly answer: (answer: ChannelAnswer) => void;
  readonly claims: ClaimTable;
  readonly application: Application;
  /** Milliseconds that a client has to take its `ready`. */
  readonly readyTimeoutMs: number;
}

/** Takes the connections that the broker hands over, and answers for each. */
export class HandoffReceiver {
  readonly #options: HandoffReceiverOptions;
  // Tokens of the handles that are this process's, of which the broker hasn't been told yet.
  readonly #unsentAcks = new Set<string>();
  #unansweredHandoffs = 0;
  #unansweredSyncs: string[] = [];
  #isClosed = false;

  constructor(options: HandoffReceiverOptions) {
    this.#options = options;
  }

  /** A handle, which comes without a socket where the system had none for this process. */
  receive(message: HandoffMessage, socket: Socket | undefined): void {
    if (socket === undefined) this.#refuse(message.token, 'integrity');
    else this.#options.application.guard(socket, () => this.#take(message, socket));
  }

  /** A message that can't be read: whatever came with it is refused. */
  receiveInvalid(invalid: unknown, socket: Socket | undefined): void {
    socket?.destroy();
    const token = tokenOf(invalid);
    if (token !== undefined) this.#refuse(token, 'integrity');
  }

  /** The broker asks to be told when every handle that came before has been answered. */
  sync(token: string): void {
    this.#unansweredSyncs.push(token);
    this.#answerSyncs();
  }

  /** Takes no more. */
  close(): void {
    this.#isClosed = true;
  }

  /** Sends the acknowledgements that still wait for their turn. */
  flush(): void {
    for (const token of this.#unsentAcks) this.#acknowledge(token);
  }

  #take(message: HandoffMessage, socket: Socket): void {
    const { token } = message;
    const { claims, application, readyTimeoutMs } = this.#options;
    // Before the loop turns: an end that comes while this is false would shut the connection down for good.
    socket.allowHalfOpen = true;
    const ignore = (): void => {};
    socket.on('error', ignore);
    const refuse = (code: RefuseCode): void => {
      socket.destroy();
      this.#refuse(token, code);
    };
    if (this.#isClosed) {
      refuse('busy');
      return;
    }
    const info: BackendConnectionInfo = {
      route: 'handedOff',
      connectionId: message.id,
      earlyDataBytes: message.earlyData.byteLength,
      ...(message.traceparent !== undefined && { traceparent: message.traceparent }),
    };
    const refusal = application.askForRefusal(info);
    if (refusal !== undefined) {
      refuse(refusal);
      return;
    }
    const claim = claims.claim(message.id, message.stamp);
    if (claim !== 'granted') {
      refuse(claim);
      return;
    }
    this.#unansweredHandoffs += 1;
    writeReady(socket, readyTimeoutMs, (error) => {
      if (error === undefined) {
        this.#unsentAcks.add(token);
        socket.off('error', ignore);
        application.give(socket, info, toBuffer(message.earlyData));
        // Behind what the application does with the early data: its client waits for that, and nobody for this.
        setImmediate(() => this.#acknowledge(token));
        return;
      }
      refuse('clientLeft');
      this.#onAnswered();
    });
  }

  #acknowledge(token: string): void {
    if (!this.#unsentAcks.delete(token)) return;
    this.#options.answer({ handoffController: PROTOCOL_VERSION, type: 'ack', token });
    this.#onAnswered();
  }

  #refuse(token: string, code: RefuseCode): void {
    this.#options.answer({ handoffController: PROTOCOL_VERSION, type: 'refuse', token, code });
  }

  #onAnswered(): void {
    this.#unansweredHandoffs -= 1;
    this.#answerSyncs();
  }

  #answerSyncs(): void {
    if (this.#unansweredHandoffs > 0) return;
    const tokens = this.#unansweredSyncs;
    this.#unansweredSyncs = [];
    for (const token of tokens)
      this.#options.answer({ handoffController: PROTOCOL_VERSION, type: 'synced', token });
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
