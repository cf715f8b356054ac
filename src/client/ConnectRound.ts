import type { RoundErrorAnswer, RoundFailure, RoundLoss, RoundOutcome } from '../../machines/connectRound';
import { monotonicNow } from '../net/monotonicNow';
import { randomId } from '../net/randomId';
import { encodeFrame } from '../protocol/encodeFrame';
import type { Frame, FrameOf } from '../protocol/frame';
import { isLater, stampOfNow } from '../protocol/stamp';
import { KNOWING_SLACK_MS, MAX_DEADLINE_MS } from '../protocol/wireLimits';
import type { HandoffConnection } from './ConnectOptions';
import { HandoffClientError } from './HandoffClientError';
import { HandoffSocket } from './HandoffSocket';
import type { KnownBackend, KnownBackends } from './KnownBackends';
import { RoundTable } from './RoundTable';
import {
  ANNOUNCED,
  ANNOUNCED_ANOTHER,
  CANCELLED,
  DEADLINE_PASSED,
  FIRST_ERROR,
  FIRST_LOST,
  FIRST_READY,
  GARBLED,
  RECONNECT,
  RECONNECT_TO_ANOTHER,
  SECOND_CLAIMED,
  SECOND_ERROR,
  SECOND_LOST,
  SECOND_READY,
  STARTED,
  STARTED_KNOWING,
  TORN,
} from './roundSymbols';

/** How one round of connecting ended. */
export type RoundResult =
  | { readonly type: 'connected'; readonly connection: HandoffConnection }
  | { readonly type: 'failed'; readonly error: HandoffClientError }
  | {
      readonly type: 'again';
      readonly cause: Error;
      readonly retryAfterMs?: number;
      /** No broker can be reached at its path. */
      readonly isBrokerMissing: boolean;
      /** Try again without a pause: only the remembered backend was out of date. */
      readonly isAtOnce: boolean;
    };

/** Options of {@link ConnectRound}. */
export interface RoundOptions {
  readonly socketPath: string;
  readonly service: string;
  readonly version: string;
  readonly handoff: boolean;
  readonly earlyData: Buffer;
  /** Written right after `ready`. */
  readonly furtherData: Buffer;
  readonly allowHalfOpen: boolean;
  readonly expectsReply: boolean;
  readonly traceparent: string | undefined;
}

/**
 * Linux accepts the first write to a Unix-domain socket, up to about 100 KiB, completely or not at all. Frame and early data
 * are one write of at most 21 KiB. If it fails, for instance because a full listener closes the connection, the other side has
 * received nothing.
 */
function isFirstWriteWhole(): boolean {
  return process.platform === 'linux';
}

const SHORTAGES = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'];

type WhyReconnected = Pick<HandoffConnection, 'reason' | 'retryAfterMs'>;

type Target = Pick<FrameOf<'handoff'>, 'backend' | 'endpoint' | 'stamp'>;

// It has no state of any round, so all rounds share it.
const table = new RoundTable();

/**
 * One round: a `hello` on a first connection and, if needed, an `attach` on a second one. The chart decides; this class acts.
 * After the round, no socket or timer is left except the socket that it returned.
 */
export class ConnectRound {
  readonly #options: RoundOptions;
  readonly #knownBackends: KnownBackends;
  readonly #connectionId = randomId();
  readonly #finish: (result: RoundResult) => void;
  // The backend named in the hello: this round's id is valid only there.
  readonly #known: KnownBackend | undefined;
  #node = table.initial;
  #first: HandoffSocket | undefined;
  #second: HandoffSocket | undefined;
  #target: Target | undefined;
  // When the hello was sent, on the machine's monotonic clock.
  #stamp = 0;
  // The backend to remember once the announced handle arrives.
  #announced: KnownBackend | undefined;
  #deadlineMs = 0;
  #deadline: NodeJS.Timeout | undefined;
  // The broker's `reconnect`, if received.
  #told: WhyReconnected = {};
  // The `retryAfterMs` of the broker's error, if given.
  #retryAfter: Pick<HandoffConnection, 'retryAfterMs'> = {};
  // Created on demand: its stack trace is expensive.
  #lastError: Error | undefined;

  /** @param mayKnow whether the hello may name the backend that the last connection was handed to. */
  constructor(
    options: RoundOptions,
    knownBackends: KnownBackends,
    mayKnow: boolean,
    finish: (result: RoundResult) => void,
  ) {
    this.#options = options;
    this.#knownBackends = knownBackends;
    if (mayKnow && options.handoff) this.#known = knownBackends.find(options);
    this.#finish = finish;
  }

  start(): void {
    const known = this.#known;
    this.#stamp = stampOfNow();
    if (known === undefined) {
      this.#take(STARTED);
      return;
    }
    this.#target = { backend: known.backend, endpoint: known.endpoint, stamp: this.#stamp };
    this.#deadlineMs = known.deadlineMs + KNOWING_SLACK_MS;
    this.#take(STARTED_KNOWING);
  }

  /** Ends the round without a connection. */
  cancel(): void {
    this.#take(CANCELLED);
  }

  /** @param frame the received frame, if it names the backend or may be out of order. */
  #take(symbol: number, frame?: FrameOf<'handoff' | 'ready' | 'reconnect'>): void {
    if (this.#node.isOver) return;
    const { next, effects, armsDeadline } = table.edge(this.#node, symbol);
    this.#node = next;
    if (armsDeadline) {
      clearTimeout(this.#deadline);
      this.#deadline = setTimeout(() => this.#take(DEADLINE_PASSED), this.#deadlineMs);
    }
    for (const effect of effects) {
      switch (effect.type) {
        case 'ask':
          this.#ask();
          break;
        case 'follow':
          if (frame !== undefined && 'backend' in frame) this.#target = frame;
          break;
        case 'forget':
          if (this.#target !== undefined) this.#knownBackends.forget(this.#options, this.#target.backend);
          break;
        case 'remember':
          if (this.#announced !== undefined) this.#knownBackends.remember(this.#options, this.#announced);
          break;
        case 'attach':
          this.#attach();
          break;
        case 'close':
          this.#close(effect.route);
          break;
        case 'ended':
          this.#end(effect.outcome, frame);
          break;
      }
    }
  }

  #ask(): void {
    const { service, version, handoff, earlyData, socketPath, traceparent } = this.#options;
    const knows = this.#known && { backend: this.#known.backend, stamp: this.#stamp };
    const id = this.#connectionId;
    const hello = encodeFrame({ type: 'hello', id, service, version, handoff, knows, traceparent });
    const first = this.#createSocket({
      onFrame: (frame) => this.#onFirstFrame(frame),
      onLost: (error) => this.#onFirstLost(error),
    });
    this.#first = first;
    first.connect({ path: socketPath });
    first.write(Buffer.concat([hello, earlyData]));
  }

  #attach(): void {
    clearTimeout(this.#deadline);
    if (this.#target === undefined) return;
    const { backend, endpoint, stamp } = this.#target;
    const { earlyData, traceparent } = this.#options;
    const second = this.#createSocket({
      onFrame: (frame) => this.#onSecondFrame(frame),
      onLost: (error) => this.#onSecondLost(error),
    });
    this.#second = second;
    second.connect({ path: endpoint });
    const attach = encodeFrame({ type: 'attach', id: this.#connectionId, backend, stamp, traceparent });
    second.write(Buffer.concat([attach, earlyData]));
  }

  #createSocket(listener: ConstructorParameters<typeof HandoffSocket>[1]): HandoffSocket {
    const { allowHalfOpen, expectsReply, earlyData } = this.#options;
    return new HandoffSocket(
      { allowHalfOpen, isEndWithoutReplyLoss: expectsReply && earlyData.length > 0 },
      listener,
    );
  }

  #onFirstFrame(frame: Frame): boolean {
    switch (frame.type) {
      case 'handoff':
        this.#onAnnouncement(frame);
        break;
      case 'ready':
        this.#take(FIRST_READY, frame);
        break;
      case 'reconnect':
        this.#told = { reason: frame.reason, ...retryAfter(frame) };
        this.#take(this.#namesAnother(frame) ? RECONNECT_TO_ANOTHER : RECONNECT, frame);
        break;
      case 'error':
        this.#lastError = new Error(`the broker answered ${frame.code}: ${frame.message}`);
        this.#retryAfter = retryAfter(frame);
        this.#take(FIRST_ERROR[this.#answerOf(frame)]);
        break;
      default:
        this.#onStrayFrame(frame, 'broker');
    }
    return this.#node.isConnected;
  }

  #onAnnouncement(frame: FrameOf<'handoff'>): void {
    const { backend, endpoint, stamp, deadlineMs } = frame;
    const now = monotonicNow();
    // A stamp from before the hello, or from the future, is of another clock than ours: that broker could do nothing
    // with one of ours.
    if (frame.knows === true && !isLater(this.#stamp, stamp) && !isLater(stamp, now)) {
      // The broker's time began at its stamp; a part of it may have gone by in the backend's queue.
      const wholeMs = Math.min(MAX_DEADLINE_MS, deadlineMs + Math.max(0, now - stamp));
      this.#announced = { backend, endpoint, deadlineMs: wholeMs };
    }
    this.#deadlineMs = deadlineMs;
    this.#take(this.#namesAnother(frame) ? ANNOUNCED_ANOTHER : ANNOUNCED, frame);
  }

  #namesAnother({ backend }: Target): boolean {
    return this.#target !== undefined && this.#target.backend !== backend;
  }

  #answerOf({ code, retryable }: FrameOf<'error'>): RoundErrorAnswer {
    if (code === 'staleBackend' && this.#known !== undefined) return 'stale';
    if (retryable) return 'retryable';
    return code === 'unknownService' || code === 'noMatchingVersion' ? code : 'refused';
  }

  #onFirstLost(error: Error | undefined): void {
    this.#first = undefined;
    if (this.#isOfAnyRoute(error)) return;
    this.#lastError = error ?? this.#lastError ?? new Error('the connection to the broker ended');
    this.#take(FIRST_LOST[lossOf(error)]);
  }

  #onSecondFrame(frame: Frame): boolean {
    switch (frame.type) {
      case 'ready':
        this.#take(SECOND_READY);
        break;
      case 'claimed':
        this.#lastError = new Error('the backend had this connection already, and lost it');
        this.#take(SECOND_CLAIMED);
        break;
      case 'error':
        this.#lastError = new Error(`the backend answered ${frame.code}: ${frame.message}`);
        this.#take(SECOND_ERROR);
        break;
      default:
        this.#onStrayFrame(frame, 'backend');
    }
    return this.#node.isConnected;
  }

  #onSecondLost(error: Error | undefined): void {
    this.#second = undefined;
    if (this.#isOfAnyRoute(error)) return;
    this.#lastError = error ?? new Error('the connection to the backend ended');
    this.#take(SECOND_LOST);
  }

  #onStrayFrame({ type }: Frame, sender: 'broker' | 'backend'): void {
    this.#lastError = new Error(outOfTurn(type, sender));
    this.#take(GARBLED);
  }

  /** Whether a connection's error means the same on either route; if so, it has been told. */
  #isOfAnyRoute(error: Error | undefined): boolean {
    if (error === undefined) return false;
    if (isWriteError(error) && this.#options.earlyData.length > 0 && !isFirstWriteWhole()) {
      // Part of it may have arrived, or `ready` may be unread: the request may have run.
      const message = 'the connection was lost while the request was being sent';
      this.#lastError = new Error(message, { cause: error });
      this.#take(TORN);
      return true;
    }
    if (error.name === 'WireError') {
      const message = `the other side sent what is not a frame: ${error.message}`;
      this.#lastError = new Error(message, { cause: error });
      this.#take(GARBLED);
      return true;
    }
    return false;
  }

  #close(route: 'first' | 'second'): void {
    if (route === 'first') {
      this.#first?.abandon();
      this.#first = undefined;
    } else {
      this.#second?.abandon();
      this.#second = undefined;
    }
  }

  #end(outcome: RoundOutcome, frame: Frame | undefined): void {
    clearTimeout(this.#deadline);
    const winner = outcome.type === 'connected' ? this.#takeOut(outcome.route) : undefined;
    this.#close('first');
    this.#close('second');
    switch (outcome.type) {
      case 'connected':
        if (winner !== undefined) this.#give(winner, outcome);
        return;
      case 'again':
        this.#finish({
          type: 'again',
          cause: this.#lastError ?? new Error('the connection to the broker ended'),
          isBrokerMissing: outcome.isBrokerMissing,
          isAtOnce: outcome.pause === 'none',
          ...(outcome.pause === 'asTold' ? this.#retryAfter : {}),
        });
        return;
      case 'failed':
        this.#finish({ type: 'failed', error: this.#errorOf(outcome.code, frame) });
        return;
      case 'cancelled':
        return;
    }
  }

  #takeOut(route: HandoffConnection['route']): HandoffSocket | undefined {
    const winner = route === 'handedOff' ? this.#first : this.#second;
    if (route === 'handedOff') this.#first = undefined;
    else this.#second = undefined;
    return winner;
  }

  #give(socket: HandoffSocket, outcome: Extract<RoundOutcome, { type: 'connected' }>): void {
    if (this.#options.furtherData.length > 0) {
      // Before the caller's writes, but not before the caller has the socket: nobody could listen for a write's error yet.
      socket.cork();
      socket.write(this.#options.furtherData);
      setImmediate(() => socket.uncork());
    }
    const { route } = outcome;
    const connectionId = this.#connectionId;
    let details: WhyReconnected = {};
    if (route === 'reconnected')
      details = outcome.reason === 'told' ? this.#told : { reason: outcome.reason };
    this.#finish({ type: 'connected', connection: { socket, route, ...details, connectionId } });
  }

  #errorOf(code: RoundFailure, frame: Frame | undefined): HandoffClientError {
    if (frame !== undefined) return new HandoffClientError(code, outOfTurn(frame.type, 'broker'));
    return new HandoffClientError(code, this.#lastError?.message ?? code, { cause: this.#lastError?.cause });
  }
}

function retryAfter({ retryAfterMs }: { readonly retryAfterMs?: number | undefined }): {
  readonly retryAfterMs?: number;
} {
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

function outOfTurn(type: Frame['type'], sender: 'broker' | 'backend'): string {
  return `the ${sender} sent a ${type} frame out of turn`;
}

function lossOf(error: Error | undefined): RoundLoss {
  if (isNobodyThere(error)) return 'nobodyThere';
  return isUnsent(error) ? 'unsent' : 'ended';
}

function isWriteError(error: Error): boolean {
  return (error as NodeJS.ErrnoException).syscall === 'write';
}

/** Whether the hello was never delivered: not connected, or the only write failed as a whole. */
function isUnsent(error: Error | undefined): boolean {
  const syscall = (error as NodeJS.ErrnoException | undefined)?.syscall;
  return syscall === 'connect' || syscall === 'write';
}

/** Whether nobody listens. False if a broker's queue is full, or this process lacks a resource. */
function isNobodyThere(error: Error | undefined): boolean {
  const { syscall, code } = (error ?? {}) as NodeJS.ErrnoException;
  return syscall === 'connect' && !(code !== undefined && SHORTAGES.includes(code));
}
