import type { ChildProcess } from 'node:child_process';
import { type BackendMessage, type BrokerMessage, receiveBackendMessage } from '../wire/ipcMessage';
import { PROTOCOL_VERSION } from '../wire/wireLimits';
import type { Transfer } from './Transfer';
import type { IssuedToken, TransferTokens } from './TransferTokens';

/**
 * Why an answer of a backend changes nothing. `late`: its transfer had been given up. `replayed`: it was answered for
 * already. `foreign`: it is another process's to answer for. `unknown`: there is no such transfer, or it was long ago.
 * `malformed`: it isn't an answer, whatever it says.
 */
export type RefusedAnswer = 'late' | 'replayed' | 'foreign' | 'unknown' | 'malformed';

/** What the queue tells its owner. */
export interface TransferQueueListener {
  /** The backend's endpoint accepts connections. */
  onListening(): void;
  /** An answer came that isn't the awaited one. A late refusal is no news and isn't told. */
  onRefusedAnswer(why: RefusedAnswer): void;
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
  readonly #tokens: TransferTokens<TransferQueue>;
  #current: Transfer | undefined;
  #currentToken: IssuedToken<TransferQueue> | undefined;
  #isClosed = false;

  /** @param tokens shared by the queues of all backends, so that one can tell what is another's. */
  constructor(child: ChildProcess, tokens: TransferTokens<TransferQueue>, listener: TransferQueueListener) {
    this.#child = child;
    this.#tokens = tokens;
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
    this.#currentToken = this.#tokens.issue(transfer.token, this);
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
    if ('invalid' in received) this.#onMalformed();
    else this.#onBackendMessage(received.message);
  };

  #onBackendMessage(message: BackendMessage): void {
    switch (message.type) {
      case 'listening':
        this.#listener.onListening();
        return;
      case 'synced':
        this.#onSynced(message.token);
        return;
      case 'ack':
      case 'refuse':
        this.#onAnswer(message);
        return;
    }
  }

  #onSynced(token: string): void {
    const transfer = this.#current;
    if (transfer?.hasToken(token)) {
      if (transfer.isOver) this.#free(transfer);
      return;
    }
    const issued = this.#tokens.find(token);
    // The answer itself may have overtaken the deadline by so little that the turn is over already.
    if (issued?.owner !== this) this.#listener.onRefusedAnswer(issued === undefined ? 'unknown' : 'foreign');
  }

  #onAnswer(answer: Extract<BackendMessage, { type: 'ack' | 'refuse' }>): void {
    const transfer = this.#current;
    if (transfer === undefined || !transfer.hasToken(answer.token)) {
      this.#onOtherAnswer(answer);
      return;
    }
    if (this.#currentToken !== undefined) this.#currentToken.isAnswered = true;
    if (transfer.isOver) {
      if (answer.type === 'ack') this.#listener.onRefusedAnswer('late');
    } else if (answer.type === 'ack') {
      transfer.acknowledge();
    } else {
      transfer.refuse(answer.code);
    }
    this.#free(transfer);
  }

  /** The answer isn't the awaited one: whatever it is, the transfer in flight goes on. */
  #onOtherAnswer({ type, token }: Extract<BackendMessage, { type: 'ack' | 'refuse' }>): void {
    const issued = this.#tokens.find(token);
    if (issued === undefined) {
      this.#listener.onRefusedAnswer('unknown');
    } else if (issued.owner !== this) {
      this.#listener.onRefusedAnswer('foreign');
    } else if (issued.isAnswered) {
      this.#listener.onRefusedAnswer('replayed');
    } else {
      issued.isAnswered = true;
      if (type === 'ack') this.#listener.onRefusedAnswer('late');
    }
  }

  #onMalformed(): void {
    this.#listener.onRefusedAnswer('malformed');
    const transfer = this.#current;
    if (transfer?.state !== 'sent') return;
    transfer.distrust();
    this.#askForSync(transfer);
  }
}
