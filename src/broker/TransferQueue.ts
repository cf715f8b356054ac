import type { ChildProcess } from 'node:child_process';
import { type BackendMessage, type BrokerMessage, receiveBackendMessage } from '../wire/ipcMessage';
import { PROTOCOL_VERSION } from '../wire/wireLimits';
import type { Transfer } from './Transfer';

// Enough to recognize what a slow backend may still say.
const MAX_REMEMBERED = 64;

/** What the queue tells its owner. */
export interface TransferQueueListener {
  /** The backend's endpoint accepts connections. */
  onListening(): void;
  /** An acknowledgement came when its transfer had been given up. */
  onLateAck(): void;
  /** An answer came that belongs to no transfer, or isn't valid. */
  onUnknownAnswer(): void;
}

/**
 * The transfers to one backend process. At most one handle is inside Node's channel, where nobody could take it back
 * from a backend that is stopped or dead; the others wait here. Its turn ends when the backend has answered: only then
 * has the handle surely left the channel.
 */
export class TransferQueue {
  readonly #child: ChildProcess;
  readonly #listener: TransferQueueListener;
  // In the order of their coming.
  readonly #waiting = new Set<Transfer>();
  // Given up when their handle had left the channel without an answer.
  readonly #unanswered: Transfer[] = [];
  #current: Transfer | undefined;
  #isClosed = false;

  constructor(child: ChildProcess, listener: TransferQueueListener) {
    this.#child = child;
    this.#listener = listener;
    child.on('message', this.#onMessage);
  }

  /** Transfers that have not ended. */
  get size(): number {
    return this.#waiting.size + (this.#current === undefined || this.#current.isOver ? 0 : 1);
  }

  /** Transfers that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  add(transfer: Transfer): void {
    if (this.#isClosed) {
      transfer.loseChannel();
      return;
    }
    transfer.onExpired = () => this.#onExpired(transfer);
    this.#waiting.add(transfer);
    this.#next();
  }

  /** The channel is closed or about to be: ends every transfer. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#child.off('message', this.#onMessage);
    const transfers = [this.#current, ...this.#waiting];
    this.#current = undefined;
    this.#waiting.clear();
    for (const transfer of transfers) transfer?.loseChannel();
  }

  #next(): void {
    if (this.#isClosed || this.#current !== undefined) return;
    const [transfer] = this.#waiting;
    if (transfer === undefined) return;
    this.#waiting.delete(transfer);
    this.#current = transfer;
    transfer.begin(this.#child, () => this.#free(transfer));
  }

  #free(transfer: Transfer): void {
    if (this.#current !== transfer) return;
    this.#current = undefined;
    this.#next();
  }

  #onExpired(transfer: Transfer): void {
    if (this.#waiting.delete(transfer) || this.#current !== transfer) return;
    this.#askForSync(transfer);
  }

  #askForSync(transfer: Transfer): void {
    // A handle can get lost on its way, when the backend is out of descriptors for instance. Messages keep their order,
    // so an answer to this one says that the handle isn't in the channel, whatever became of it.
    if (!this.#child.connected) return;
    const message: BrokerMessage = {
      handoffController: PROTOCOL_VERSION,
      type: 'sync',
      token: transfer.token,
    };
    this.#child.send(message, () => {});
  }

  readonly #onMessage = (value: unknown): void => {
    const received = receiveBackendMessage(value);
    if (received === 'foreign') return;
    if ('invalid' in received) {
      this.#onInvalid();
      return;
    }
    this.#onBackendMessage(received.message);
  };

  #onBackendMessage(message: BackendMessage): void {
    const transfer = this.#current;
    switch (message.type) {
      case 'listening':
        this.#listener.onListening();
        return;
      case 'synced':
        if (transfer?.isOver && transfer.hasToken(message.token)) {
          this.#unanswered.push(transfer);
          if (this.#unanswered.length > MAX_REMEMBERED) this.#unanswered.shift();
          this.#free(transfer);
        }
        return;
      case 'ack':
      case 'refuse':
        if (transfer === undefined || !transfer.hasToken(message.token)) {
          if (!this.#isLate(message.token)) this.#onInvalid();
          else if (message.type === 'ack') this.#listener.onLateAck();
          return;
        }
        if (transfer.isOver) {
          if (message.type === 'ack') this.#listener.onLateAck();
        } else if (message.type === 'ack') {
          transfer.acknowledge();
        } else {
          transfer.refuse(message.code);
        }
        this.#free(transfer);
        return;
    }
  }

  #isLate(token: string): boolean {
    const index = this.#unanswered.findIndex((transfer) => transfer.hasToken(token));
    if (index >= 0) this.#unanswered.splice(index, 1);
    return index >= 0;
  }

  #onInvalid(): void {
    this.#listener.onUnknownAnswer();
    const transfer = this.#current;
    if (transfer?.state !== 'sent') return;
    transfer.distrust();
    this.#askForSync(transfer);
  }
}
