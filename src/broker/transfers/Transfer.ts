import { timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { type ActorRefFrom, createActor } from 'xstate';
import { handoffTransfer, type TransferOutcome, type TransferRefusal } from '../../../machines';
import { INERT_CLOCK } from '../../chart/inertClock';
import type { HandoffFailure, InspectionObserver } from '../../index';
import { isDescriptorShortage } from '../../net/isDescriptorShortage';
import { randomKey } from '../../net/randomId';
import { writeThrough } from '../../net/writeThrough';
import { encodeFrame } from '../../protocol/encodeFrame';
import type { HandoffMessage } from '../../protocol/ipcMessage';
import { MAX_DEADLINE_MS, PROTOCOL_VERSION } from '../../protocol/wireLimits';
import type { HandoffChannel } from '../channels/HandoffChannel';
import { type TransferState, TransferTable } from './TransferTable';
import {
  ACKNOWLEDGED,
  ANNOUNCED,
  ANNOUNCEMENT_FAILED,
  CHANNEL_CLOSED,
  DEADLINE_PASSED,
  MALFORMED,
  READ_TOO_FAR,
  REFUSED,
  SEND_DENIED,
  SEND_DONE,
  SEND_FAILED,
  SEND_OUT_OF_DESCRIPTORS,
  TURN_CAME,
  TURN_CAME_READ_TOO_FAR,
  TURN_CAME_TO_KNOWING,
  transferEventOf,
} from './transferSymbols';

// It holds what the chart says and nothing of any transfer, so all can share it.
const table = new TransferTable();

/** What a transfer is made of. */
export interface TransferOptions {
  readonly socket: Socket;
  readonly connectionId: string;
  /** When the client's `hello` says that it was made, or when the broker had it: milliseconds of `CLOCK_MONOTONIC`. */
  readonly issuedAt: number;
  /** Whether the client needs no announcement, since it knows the backend and uses its endpoint in time. */
  readonly clientKnows: boolean;
  readonly earlyData: Buffer;
  /** The client's trace context. */
  readonly traceparent?: string | undefined;
  /** Which process the connection is handed to. */
  readonly backend: string;
  readonly endpoint: string;
  /** Milliseconds from now, the wait in the queue included. */
  readonly deadlineMs: number;
  /** Is told of the transfer's chart, as XState tells it. */
  readonly inspect?: InspectionObserver | undefined;
  /** The transfer came to a state; a failure only with `failed`. */
  readonly onState: (state: TransferState, failure?: HandoffFailure) => void;
  /**
   * The transfer has ended. Called once. With `mayWrite` the socket is whoever is told's to answer on, and to close; else it
   * is closed here, when the channel doesn't need it any more.
   */
  readonly onOutcome: (outcome: TransferOutcome) => void;
}

/**
 * One try at handing one connection to one backend process. What may happen is the chart's to say; here is how it's
 * done.
 */
export class Transfer {
  readonly #options: TransferOptions;
  // A one-time secret: it goes to the backend and nowhere else.
  readonly #token = randomKey();
  readonly #expiresAt: number;
  readonly #timer: NodeJS.Timeout;
  readonly #bytesRead: number;
  readonly #actor: ActorRefFrom<typeof handoffTransfer> | undefined;
  #node = table.initial;
  #channel: HandoffChannel | undefined;
  #onUnsent = (): void => {};
  #onExpired = (): void => {};

  constructor(options: TransferOptions) {
    this.#options = options;
    this.#bytesRead = options.socket.bytesRead;
    this.#expiresAt = performance.now() + options.deadlineMs;
    this.#timer = setTimeout(() => this.#expire(), options.deadlineMs);
    this.#timer.unref();
    if (options.inspect !== undefined) this.#actor = startActor(options, options.inspect);
    options.onState('issued');
  }

  get state(): TransferState {
    return this.#node.state;
  }

  get isOver(): boolean {
    return this.#node.isOver;
  }

  /** What to do when the deadline passes, beside failing. */
  set onExpired(callback: () => void) {
    this.#onExpired = callback;
  }

  /** The secret as it goes to the backend. */
  get token(): string {
    return this.#token.toString('hex');
  }

  /** Compares in constant time. */
  hasToken(token: string): boolean {
    const other = Buffer.from(token, 'hex');
    return other.length === this.#token.length && timingSafeEqual(other, this.#token);
  }

  /**
   * Announces the handle to the client, if it doesn't know, and sends it over the channel.
   *
   * @param onUnsent called if the transfer ends before the handle is in the channel, so that the next may have its turn.
   */
  begin(channel: HandoffChannel, onUnsent: () => void): void {
    this.#channel = channel;
    this.#onUnsent = onUnsent;
    if (!this.#options.clientKnows) this.#take(TURN_CAME);
    else this.#take(this.#hasReadTooFar ? TURN_CAME_READ_TOO_FAR : TURN_CAME_TO_KNOWING);
    if (this.isOver) onUnsent();
  }

  acknowledge(): void {
    this.#take(ACKNOWLEDGED);
  }

  refuse(code: TransferRefusal): void {
    this.#take(REFUSED[code]);
  }

  /** The backend answered what makes no sense. */
  distrust(): void {
    this.#take(MALFORMED);
  }

  /** The channel is closed: nothing will be answered any more, nor sent. */
  loseChannel(): void {
    this.#take(CHANNEL_CLOSED);
  }

  #take(symbol: number): void {
    const { state, isDone } = this.#node;
    if (isDone) return;
    const { socket, onState, onOutcome } = this.#options;
    const { next, announces, sends, outcome, closes } = table.edge(this.#node, symbol);
    this.#node = next;
    this.#actor?.send(transferEventOf(symbol));
    if (next.isOver) clearTimeout(this.#timer);
    if (next.state !== state) onState(next.state, outcome?.type === 'failed' ? outcome.failure : undefined);
    if (outcome !== undefined) onOutcome(outcome);
    // Never `end`, which would shut the connection down for the backend too.
    if (closes) socket.destroy();
    // Whoever was told may have ended the transfer meanwhile.
    if (announces && !this.isOver) this.#announce();
    if (sends && !this.isOver) this.#send();
  }

  /** Whether this process has bytes of the client's that are not in the early data. */
  get #hasReadTooFar(): boolean {
    return this.#options.socket.bytesRead !== this.#bytesRead;
  }

  #announce(): void {
    const { socket, backend, endpoint, issuedAt } = this.#options;
    const deadlineMs = Math.min(MAX_DEADLINE_MS, Math.max(1, Math.ceil(this.#expiresAt - performance.now())));
    writeThrough(
      socket,
      encodeFrame({ type: 'handoff', backend, endpoint, stamp: issuedAt, deadlineMs, knows: true }),
      (error) => {
        if (error !== undefined) this.#take(ANNOUNCEMENT_FAILED);
        else this.#take(this.#hasReadTooFar ? READ_TOO_FAR : ANNOUNCED);
        if (this.state !== 'sent') this.#onUnsent();
      },
    );
  }

  #send(): void {
    const { connectionId: id, issuedAt, earlyData, socket, traceparent } = this.#options;
    const message: HandoffMessage = {
      handoffController: PROTOCOL_VERSION,
      type: 'handoff',
      token: this.token,
      id,
      stamp: issuedAt,
      earlyData,
      traceparent,
    };
    let isAnswered = false;
    const onSent = (error: Error | null): void => {
      if (isAnswered) return;
      isAnswered = true;
      if (error === null) {
        this.#take(SEND_DONE);
        return;
      }
      this.#take(sendFailureSymbol(error));
      this.#onUnsent();
    };
    try {
      this.#channel?.send(message, socket, onSent);
    } catch (error) {
      onSent(error as Error);
    }
  }

  #expire(): void {
    if (this.isOver) return;
    this.#take(DEADLINE_PASSED);
    this.#onExpired();
  }
}

function startActor(
  { connectionId, deadlineMs }: TransferOptions,
  inspect: InspectionObserver,
): ActorRefFrom<typeof handoffTransfer> {
  return createActor(handoffTransfer, {
    id: `transfer ${connectionId}`,
    input: { ackDeadlineMs: deadlineMs },
    clock: INERT_CLOCK,
    inspect,
  }).start();
}

function sendFailureSymbol(error: NodeJS.ErrnoException): number {
  if (error.code === 'EACCES' || error.code === 'EPERM') return SEND_DENIED;
  return isDescriptorShortage(error) ? SEND_OUT_OF_DESCRIPTORS : SEND_FAILED;
}
