import type { ChildProcess } from 'node:child_process';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import type { HandoffFailure } from '../index';
import { encodeFrame } from '../wire/encodeFrame';
import type { HandoffMessage, RefuseCode } from '../wire/ipcMessage';
import { MAX_DEADLINE_MS, PROTOCOL_VERSION } from '../wire/wireLimits';
import { writeThrough } from '../wire/writeThrough';
import type { HandoffTransport } from './HandoffTransport';

/**
 * How a transfer ended. `mayWrite` says whether the connection is still this process's alone, so that it may answer on
 * it; otherwise all it may do is close its copy.
 */
export type TransferOutcome =
  | { readonly type: 'acknowledged' }
  | { readonly type: 'failed'; readonly failure: HandoffFailure; readonly mayWrite: boolean }
  | {
      readonly type: 'abandoned';
      readonly cause: 'clientLeft' | 'busy' | 'readTooFar';
      readonly mayWrite: boolean;
    };

/** Where a transfer is. */
export type TransferState = 'issued' | 'announced' | 'sent' | 'acknowledged' | 'failed' | 'abandoned';

/** What a transfer is made of. */
export interface TransferOptions {
  readonly socket: Socket;
  readonly connectionId: string;
  readonly stamp: number;
  readonly earlyData: Buffer;
  /** The client's trace context. */
  readonly traceparent?: string | undefined;
  /** Which process the connection is handed to. */
  readonly backend: string;
  readonly endpoint: string;
  /** Milliseconds from now, the wait in the queue included. */
  readonly deadlineMs: number;
  readonly transport: HandoffTransport;
  /** The transfer came to a state; a failure only with `failed`. */
  readonly onState: (state: TransferState, failure?: HandoffFailure) => void;
  /** The transfer has ended. Called once. */
  readonly onOutcome: (outcome: TransferOutcome) => void;
  /** This process's copy of the handle isn't needed by the channel any more. Called once, after `onOutcome`. */
  readonly onReleased: () => void;
}

/** One try at handing one connection to one backend process. */
export class Transfer {
  readonly #options: TransferOptions;
  // A one-time secret: it goes to the backend and nowhere else.
  readonly #token = randomBytes(16);
  readonly #expiresAt: number;
  readonly #timer: NodeJS.Timeout;
  readonly #bytesRead: number;
  #state: TransferState = 'issued';
  #isInChannel = false;
  #isReleased = false;
  #onExpired: (() => void) | undefined;

  constructor(options: TransferOptions) {
    this.#options = options;
    this.#bytesRead = options.socket.bytesRead;
    this.#expiresAt = performance.now() + options.deadlineMs;
    this.#timer = setTimeout(() => this.#expire(), options.deadlineMs);
    this.#timer.unref();
    options.onState('issued');
  }

  get state(): TransferState {
    return this.#state;
  }

  get isOver(): boolean {
    return this.#state === 'acknowledged' || this.#state === 'failed' || this.#state === 'abandoned';
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
   * Announces the handle to the client and sends it to the child.
   *
   * @param onUnsent called if the transfer ends before the handle is in the channel, so that the next may have its turn.
   */
  begin(child: ChildProcess, onUnsent: () => void): void {
    const { socket, backend, endpoint, stamp } = this.#options;
    const deadlineMs = Math.min(MAX_DEADLINE_MS, Math.max(1, Math.ceil(this.#expiresAt - performance.now())));
    this.#enter('announced');
    writeThrough(socket, encodeFrame({ type: 'handoff', backend, endpoint, stamp, deadlineMs }), (error) => {
      if (this.isOver) {
        onUnsent();
      } else if (error !== undefined) {
        this.#end({ type: 'abandoned', cause: 'clientLeft', mayWrite: false });
        onUnsent();
      } else if (socket.bytesRead !== this.#bytesRead) {
        // Bytes that are here can't reach the backend in their place any more.
        this.#end({ type: 'abandoned', cause: 'readTooFar', mayWrite: true });
        onUnsent();
      } else {
        this.#send(child, onUnsent);
      }
    });
  }

  acknowledge(): void {
    this.#end({ type: 'acknowledged' });
  }

  refuse(code: RefuseCode): void {
    switch (code) {
      case 'permission':
        this.#end({ type: 'failed', failure: 'permissionDenied', mayWrite: true });
        return;
      case 'integrity':
        this.#end({ type: 'failed', failure: 'integrityMismatch', mayWrite: true });
        return;
      case 'claimed':
      case 'expired':
        this.#end({ type: 'failed', failure: 'backendAckTimeout', mayWrite: false });
        return;
      case 'busy':
        this.#end({ type: 'abandoned', cause: 'busy', mayWrite: true });
        return;
      case 'clientLeft':
        this.#end({ type: 'abandoned', cause: 'clientLeft', mayWrite: false });
        return;
    }
  }

  /** The backend answered what makes no sense: it may have the connection or not. */
  distrust(): void {
    this.#end({ type: 'failed', failure: 'integrityMismatch', mayWrite: false });
  }

  /** The channel is closed: nothing will be answered any more, nor sent. */
  loseChannel(): void {
    // Node doesn't call back for every send that a closed channel had pending.
    this.#isInChannel = false;
    if (this.isOver) this.#release();
    else this.#end({ type: 'failed', failure: 'backendAckTimeout', mayWrite: false });
  }

  #send(child: ChildProcess, onUnsent: () => void): void {
    const { connectionId: id, stamp, earlyData, socket, transport, traceparent } = this.#options;
    const message: HandoffMessage = {
      handoffController: PROTOCOL_VERSION,
      type: 'handoff',
      token: this.token,
      id,
      stamp,
      earlyData,
      traceparent,
    };
    let isAnswered = false;
    const onSent = (error: Error | null): void => {
      if (isAnswered) return;
      isAnswered = true;
      this.#isInChannel = false;
      if (error === null) {
        if (this.isOver) this.#release();
        return;
      }
      const { code } = error as NodeJS.ErrnoException;
      const isDenied = code === 'EACCES' || code === 'EPERM';
      if (this.isOver) {
        this.#release();
      } else {
        this.#end({
          type: 'failed',
          failure: isDenied ? 'permissionDenied' : 'backendAckTimeout',
          mayWrite: isDenied,
        });
      }
      onUnsent();
    };
    this.#isInChannel = true;
    this.#enter('sent');
    try {
      transport.send(child, message, socket, onSent);
    } catch (error) {
      onSent(error as Error);
    }
  }

  #expire(): void {
    if (this.isOver) return;
    this.#end({ type: 'failed', failure: 'backendAckTimeout', mayWrite: this.#state !== 'sent' });
    this.#onExpired?.();
  }

  #enter(state: TransferState, failure?: HandoffFailure): void {
    this.#state = state;
    this.#options.onState(state, failure);
  }

  #end(outcome: TransferOutcome): void {
    if (this.isOver) return;
    clearTimeout(this.#timer);
    this.#enter(outcome.type, outcome.type === 'failed' ? outcome.failure : undefined);
    this.#options.onOutcome(outcome);
    // The channel may still be about to send the handle; closing it under its hands would fail that.
    if (!this.#isInChannel) this.#release();
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#options.onReleased();
  }
}
