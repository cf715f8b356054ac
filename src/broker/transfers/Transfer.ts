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

// It has no state of any transfer, so all transfers share it.
const table = new TransferTable();

/** Options of {@link Transfer}. */
export interface TransferOptions {
  readonly socket: Socket;
  readonly connectionId: string;
  /** The stamp of the client's `hello`, or when the broker received it: milliseconds of `CLOCK_MONOTONIC`. */
  readonly issuedAt: number;
  /** Whether to skip the announcement: the client named the backend and will use its endpoint in time. */
  readonly clientKnows: boolean;
  readonly earlyData: Buffer;
  /** The client's trace context. */
  readonly traceparent?: string | undefined;
  /** Id of the process. */
  readonly backend: string;
  readonly endpoint: string;
  /** Milliseconds from now, including the wait in the queue. */
  readonly deadlineMs: number;
  /** Gets XState's inspection events of the transfer's chart. */
  readonly inspect?: InspectionObserver | undefined;
  /** The transfer entered a state; `failure` only with `failed`. */
  readonly onState: (state: TransferState, failure?: HandoffFailure) => void;
  /**
   * The transfer has ended. Called once. With `mayWrite` the callee answers on the socket and closes it; otherwise the transfer
   * closes it as soon as the channel no longer needs it.
   */
  readonly onOutcome: (outcome: TransferOutcome) => void;
}

/**
 * One attempt to hand one connection to one backend process. The chart `handoffTransfer` decides; this class acts.
 */
export class Transfer {
  readonly #options: TransferOptions;
  // A one-time secret, sent to the backend only.
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

  /** Called when the deadline passes, after the transfer has failed. */
  set onExpired(callback: () => void) {
    this.#onExpired = callback;
  }

  /** The secret in hexadecimal. */
  get token(): string {
    return this.#token.toString('hex');
  }

  /** Compares in constant time. */
  hasToken(token: string): boolean {
    const other = Buffer.from(token, 'hex');
    return other.length === this.#token.length && timingSafeEqual(other, this.#token);
  }

  /**
   * Announces the handoff to the client, if needed, and sends the handle over the channel.
   *
   * @param onUnsent called if the transfer ends before the handle is in the channel; the next transfer may then start.
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

  /** The backend sent a malformed answer. */
  distrust(): void {
    this.#take(MALFORMED);
  }

  /** The channel is closed: no answer will come and nothing can be sent. */
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
    // Not `end`: it would shut down the connection for the backend too.
    if (closes) socket.destroy();
    // A callback may have ended the transfer.
    if (announces && !this.isOver) this.#announce();
    if (sends && !this.isOver) this.#send();
  }

  /** Whether this process has read bytes of the client that aren't in the early data. */
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
