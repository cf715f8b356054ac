import type { ChannelAnswer } from '../../protocol/channelRecord';
import { PROTOCOL_VERSION } from '../../protocol/wireLimits';
import type { HandoffChannel } from '../channels/HandoffChannel';
import type { Transfer } from './Transfer';
import type { IssuedToken, TransferTokens } from './TransferTokens';

/**
 * Why an answer of a backend changes nothing. `late`: its transfer had been given up. `replayed`: it was answered for
 * already. `foreign`: it is another process's to answer for. `unknown`: there is no such transfer, or it was long ago.
 * `malformed`: it isn't an answer, whatever it says.
 */
export type RefusedAnswer = 'late' | 'replayed' | 'foreign' | 'unknown' | 'malformed';

// Far more than can be on their way; a backend that never answers must not fill the memory.
const MAX_ASKED = 1024;

/**
 * The transfers to one backend process. Only as many handles as the channel has room for are on their way, where nobody
 * could take them back from a backend that is stopped or dead; the others wait here. A turn ends when the backend has
 * answered: only then has the handle surely left the channel.
 */
export class TransferQueue {
  readonly #channel: HandoffChannel;
  readonly #onRefusedAnswer: (why: RefusedAnswer) => void;
  // In the order of their coming.
  readonly #waiting = new Set<Transfer>();
  readonly #tokens: TransferTokens<TransferQueue>;
  // Those whose turn it is, in the order of its coming.
  readonly #current = new Map<Transfer, IssuedToken<TransferQueue>>();
  // Tokens that were asked about and not answered for, in the order of their asking.
  readonly #asked = new Set<string>();
  #isSending = true;
  #isClosed = false;
  #onSettled: (() => void) | undefined;

  /**
   * @param tokens shared by the queues of all backends, so that one can tell what is another's.
   * @param onRefusedAnswer an answer came that isn't the awaited one. A late refusal is no news and isn't told.
   */
  constructor(
    channel: HandoffChannel,
    tokens: TransferTokens<TransferQueue>,
    onRefusedAnswer: (why: RefusedAnswer) => void,
  ) {
    this.#channel = channel;
    this.#tokens = tokens;
    this.#onRefusedAnswer = onRefusedAnswer;
  }

  /** Transfers that have not ended. */
  get size(): number {
    let size = this.#waiting.size;
    for (const transfer of this.#current.keys()) size += transfer.isOver ? 0 : 1;
    return size;
  }

  /** Transfers that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  add(transfer: Transfer): void {
    if (!this.#isSending) {
      transfer.loseChannel();
      return;
    }
    transfer.onExpired = () => this.#onExpired(transfer);
    this.#waiting.add(transfer);
    this.#next();
  }

  /** Calls back once every transfer has ended. Nothing may be added any more. */
  whenSettled(callback: () => void): void {
    this.#onSettled = callback;
    this.#tellIfSettled();
  }

  #tellIfSettled(): void {
    if (this.#onSettled === undefined || this.size > 0) return;
    const onSettled = this.#onSettled;
    this.#onSettled = undefined;
    onSettled();
  }

  /** Nothing can be sent any more: ends every transfer that hasn't been. What is on its way may still be answered for. */
  stopSending(): void {
    this.#isSending = false;
    const unsent = [...this.#current.keys()].filter(
      ({ state }) => state === 'issued' || state === 'announced',
    );
    this.#lose([...unsent, ...this.#waiting]);
  }

  /** Nothing will be answered any more, nor sent: ends every transfer. */
  close(): void {
    this.#isSending = false;
    this.#isClosed = true;
    this.#lose([...this.#current.keys(), ...this.#waiting]);
  }

  #lose(transfers: readonly Transfer[]): void {
    for (const transfer of transfers) {
      this.#current.delete(transfer);
      this.#waiting.delete(transfer);
    }
    for (const transfer of transfers) transfer.loseChannel();
  }

  #next(): void {
    for (const transfer of this.#waiting) {
      if (!this.#isSending || this.#current.size >= this.#channel.capacity) return;
      this.#waiting.delete(transfer);
      this.#current.set(transfer, this.#tokens.issue(transfer.token, this));
      transfer.begin(this.#channel, () => this.#free(transfer));
    }
  }

  #free(transfer: Transfer): void {
    if (!this.#current.delete(transfer)) return;
    this.#next();
    this.#tellIfSettled();
  }

  #currentOf(token: string): Transfer | undefined {
    for (const transfer of this.#current.keys()) {
      if (transfer.hasToken(token)) return transfer;
    }
    return undefined;
  }

  #onExpired(transfer: Transfer): void {
    if (!this.#waiting.delete(transfer) && this.#current.has(transfer)) this.#askForSync(transfer);
    this.#tellIfSettled();
  }

  #askForSync(transfer: Transfer): void {
    // A handle can get lost on its way, when the backend is out of descriptors for instance. Messages keep their order,
    // so an answer to this one says that the handle isn't in the channel, whatever became of it.
    if (!this.#isSending) return;
    this.#remember(transfer.token);
    this.#channel.sync({ handoffController: PROTOCOL_VERSION, type: 'sync', token: transfer.token });
  }

  #remember(token: string): void {
    this.#asked.add(token);
    if (this.#asked.size <= MAX_ASKED) return;
    for (const oldest of this.#asked) {
      this.#asked.delete(oldest);
      return;
    }
  }

  /** An answer came from the process, whichever way; one that makes no sense is `malformed`. */
  receive(answer: ChannelAnswer | 'malformed'): void {
    if (this.#isClosed) return;
    if (answer === 'malformed') this.#onMalformed();
    else if (answer.type === 'synced') this.#onSynced(answer.token);
    else this.#onAnswer(answer);
  }

  #onSynced(token: string): void {
    const isAsked = this.#asked.delete(token);
    const transfer = this.#currentOf(token);
    if (transfer !== undefined) {
      if (transfer.isOver) this.#free(transfer);
      return;
    }
    // The handle's own answer came before this one and has ended the turn.
    if (isAsked) return;
    const issued = this.#tokens.find(token);
    if (issued?.owner !== this) this.#onRefusedAnswer(issued === undefined ? 'unknown' : 'foreign');
  }

  #onAnswer(answer: Exclude<ChannelAnswer, { type: 'synced' }>): void {
    const transfer = this.#currentOf(answer.token);
    const issued = transfer === undefined ? undefined : this.#current.get(transfer);
    if (transfer === undefined || issued === undefined) {
      this.#onOtherAnswer(answer);
      return;
    }
    issued.isAnswered = true;
    if (transfer.isOver) {
      if (answer.type === 'ack') this.#onRefusedAnswer('late');
    } else if (answer.type === 'ack') {
      transfer.acknowledge();
    } else {
      transfer.refuse(answer.code);
    }
    this.#free(transfer);
  }

  /** The answer isn't the awaited one: whatever it is, the transfer in flight goes on. */
  #onOtherAnswer({ type, token }: Exclude<ChannelAnswer, { type: 'synced' }>): void {
    const issued = this.#tokens.find(token);
    if (issued === undefined) {
      this.#onRefusedAnswer('unknown');
    } else if (issued.owner !== this) {
      this.#onRefusedAnswer('foreign');
    } else if (issued.isAnswered) {
      this.#onRefusedAnswer('replayed');
    } else {
      issued.isAnswered = true;
      if (type === 'ack') this.#onRefusedAnswer('late');
    }
  }

  #onMalformed(): void {
    this.#onRefusedAnswer('malformed');
    // Answers come in the order of the handles, so it's about the first.
    const transfer = [...this.#current.keys()].find(({ state }) => state === 'sent');
    if (transfer === undefined) return;
    transfer.distrust();
    this.#askForSync(transfer);
    this.#tellIfSettled();
  }
}
