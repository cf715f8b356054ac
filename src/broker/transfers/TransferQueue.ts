import type { ChannelAnswer } from '../../protocol/channelRecord';
import { PROTOCOL_VERSION } from '../../protocol/wireLimits';
import type { HandoffChannel } from '../channels/HandoffChannel';
import type { Transfer } from './Transfer';
import type { IssuedToken, TransferTokens } from './TransferTokens';

/**
 * Why a backend's answer was refused. `late`: its transfer had already ended. `replayed`: the transfer was answered before.
 * `foreign`: the transfer is another process's. `unknown`: no such transfer, or issued too long ago. `malformed`: invalid
 * content.
 */
export type RefusedAnswer = 'late' | 'replayed' | 'foreign' | 'unknown' | 'malformed';

// Bounds the memory for a backend that never answers; far more than can be in the channel.
const MAX_ASKED = 1024;

/**
 * The transfers to one backend process. At most `capacity` handles are in the channel at a time, since a sent handle can't be
 * taken back from a stopped or dead backend; the other transfers wait here. A transfer holds its place until the backend
 * answers: only then has its handle certainly left the channel.
 */
export class TransferQueue {
  readonly #channel: HandoffChannel;
  readonly #onRefusedAnswer: (why: RefusedAnswer) => void;
  // First come, first served.
  readonly #waiting = new Set<Transfer>();
  readonly #tokens: TransferTokens<TransferQueue>;
  // Transfers that hold a place in the channel, oldest first.
  readonly #current = new Map<Transfer, IssuedToken<TransferQueue>>();
  // Tokens with a `sync` that wasn't answered yet, oldest first.
  readonly #asked = new Set<string>();
  #isSending = true;
  #isClosed = false;
  #onSettled: (() => void) | undefined;

  /**
   * @param tokens shared by the queues of all backends, to recognize answers for another backend's transfer.
   * @param onRefusedAnswer called for each refused answer, except a late refusal, which changes nothing.
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

  /** Transfers that haven't ended. */
  get size(): number {
    let size = this.#waiting.size;
    for (const transfer of this.#current.keys()) size += transfer.isOver ? 0 : 1;
    return size;
  }

  /** Transfers that wait for a place in the channel. */
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

  /** Calls back once, when every transfer has ended. Don't add transfers afterwards. */
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

  /** Ends every transfer that wasn't sent. Those that were sent may still be answered. */
  stopSending(): void {
    this.#isSending = false;
    const unsent = [...this.#current.keys()].filter(
      ({ state }) => state === 'issued' || state === 'announced',
    );
    this.#lose([...unsent, ...this.#waiting]);
  }

  /** Ends every transfer: no answer will come and nothing can be sent. */
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
    // A handle can get lost on its way, for instance when the backend is out of descriptors. Messages keep their order, so an
    // answer to `sync` proves that the handle has left the channel.
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

  /** Takes an answer of the process; `malformed` stands for invalid content. */
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
    // The handle's own answer came first and freed its place.
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

  /** An answer that matches no transfer in the channel; it affects none. */
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
    // Answers come in the order of the handles, so this one is for the first sent transfer.
    const transfer = [...this.#current.keys()].find(({ state }) => state === 'sent');
    if (transfer === undefined) return;
    transfer.distrust();
    this.#askForSync(transfer);
    this.#tellIfSettled();
  }
}
