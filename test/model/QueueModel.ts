import type { HandoffFailure, TransferAbandonment, TransferRefusal } from '../../machines';

/** What becomes of a transfer, in short; `abandoned` with its cause, `failed` with its failure. */
export type QueueOutcome = 'acknowledged' | HandoffFailure | TransferAbandonment;

interface Issued {
  readonly owner: QueueModel;
  isAnswered: boolean;
}

/** What the queues of several backends share. */
export class TokenModel {
  readonly issued = new Map<number, Issued>();
}

const OF_REFUSAL: Readonly<Record<TransferRefusal, QueueOutcome>> = {
  permission: 'permissionDenied',
  integrity: 'integrityMismatch',
  busy: 'busy',
  clientLeft: 'clientLeft',
  expired: 'backendAckTimeout',
  claimed: 'backendAckTimeout',
};

/**
 * An independent model of the transfers to one backend in plain code: their ends, their order, and refused answers. Transfers
 * are numbers. It must share no code with `machines` or `src`.
 */
export class QueueModel {
  readonly told: string[] = [];
  readonly sent: number[] = [];
  readonly asked: number[] = [];
  readonly outcomes = new Map<number, QueueOutcome>();
  isClosed = false;
  isSending = true;
  readonly #tokens: TokenModel;
  readonly #capacity: number;
  readonly #waiting: number[] = [];
  readonly #current: number[] = [];
  readonly #unanswered = new Set<number>();

  constructor(tokens: TokenModel, capacity: number) {
    this.#tokens = tokens;
    this.#capacity = capacity;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get size(): number {
    return this.waiting + this.#current.filter((one) => !this.#isOver(one)).length;
  }

  #isOver(one: number): boolean {
    return this.outcomes.has(one);
  }

  add(one: number): void {
    if (!this.isSending) this.outcomes.set(one, 'backendAckTimeout');
    else this.#waiting.push(one);
    this.#next();
  }

  #next(): void {
    while (this.isSending && this.#current.length < this.#capacity) {
      const one = this.#waiting.shift();
      if (one === undefined) return;
      this.#current.push(one);
      this.#tokens.issued.set(one, { owner: this, isAnswered: false });
      this.sent.push(one);
    }
  }

  #free(one: number): void {
    const index = this.#current.indexOf(one);
    if (index === -1) return;
    this.#current.splice(index, 1);
    this.#next();
  }

  #ask(one: number): void {
    if (!this.isSending) return;
    this.asked.push(one);
    this.#unanswered.add(one);
  }

  expire(one: number): void {
    if (this.#isOver(one)) return;
    this.outcomes.set(one, 'backendAckTimeout');
    const index = this.#waiting.indexOf(one);
    if (index !== -1) this.#waiting.splice(index, 1);
    else if (this.#current.includes(one)) this.#ask(one);
  }

  answer(one: number, answer: 'ack' | TransferRefusal): void {
    if (this.isClosed) return;
    const issued = this.#tokens.issued.get(one);
    if (issued === undefined) this.told.push('unknown');
    else if (issued.owner !== this) this.told.push('foreign');
    else if (issued.isAnswered) this.told.push('replayed');
    else {
      issued.isAnswered = true;
      // A refusal of what was given up is no news.
      if (this.#isOver(one)) this.told.push(...(answer === 'ack' ? ['late'] : []));
      else this.outcomes.set(one, answer === 'ack' ? 'acknowledged' : OF_REFUSAL[answer]);
      this.#free(one);
    }
  }

  sync(one: number): void {
    if (this.isClosed) return;
    const isAsked = this.#unanswered.delete(one);
    if (this.#current.includes(one)) {
      if (this.#isOver(one)) this.#free(one);
      return;
    }
    if (isAsked) return;
    const owner = this.#tokens.issued.get(one)?.owner;
    if (owner === undefined) this.told.push('unknown');
    else if (owner !== this) this.told.push('foreign');
  }

  malformed(): void {
    if (this.isClosed) return;
    this.told.push('malformed');
    const first = this.#current.find((one) => !this.#isOver(one));
    if (first === undefined) return;
    this.outcomes.set(first, 'integrityMismatch');
    this.#ask(first);
  }

  stopSending(): void {
    this.isSending = false;
    for (const one of this.#waiting.splice(0)) this.outcomes.set(one, 'backendAckTimeout');
  }

  close(): void {
    this.stopSending();
    this.isClosed = true;
    for (const one of this.#current.splice(0)) {
      if (!this.#isOver(one)) this.outcomes.set(one, 'backendAckTimeout');
    }
  }
}
