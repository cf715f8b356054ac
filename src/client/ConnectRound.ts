import { encodeFrame } from '../wire/encodeFrame';
import type { Frame, FrameOf, ReconnectReason } from '../wire/frame';
import { monotonicNow } from '../wire/monotonicNow';
import { randomId } from '../wire/randomId';
import { isLater, stampOfNow } from '../wire/stamp';
import { KNOWING_SLACK_MS, MAX_DEADLINE_MS } from '../wire/wireLimits';
import type { HandoffConnection } from './ConnectOptions';
import { HandoffClientError } from './HandoffClientError';
import { HandoffSocket } from './HandoffSocket';
import type { KnownBackend, KnownBackends } from './KnownBackends';

/** How one round of connecting ended. */
export type RoundResult =
  | { readonly type: 'connected'; readonly connection: HandoffConnection }
  | { readonly type: 'failed'; readonly error: HandoffClientError }
  | {
      readonly type: 'again';
      readonly cause: Error;
      readonly retryAfterMs?: number;
      /** Whether no broker can be reached at its path. */
      readonly isBrokerMissing: boolean;
      /** Whether there is nothing to wait for: all that was wrong is what this client knew. */
      readonly isAtOnce: boolean;
    };

/** Options of {@link ConnectRound}. */
export interface RoundOptions {
  readonly socketPath: string;
  readonly service: string;
  readonly version: string;
  readonly handoff: boolean;
  readonly earlyData: Buffer;
  /** What is written right behind `ready`. */
  readonly furtherData: Buffer;
  readonly allowHalfOpen: boolean;
  readonly expectsReply: boolean;
  readonly traceparent: string | undefined;
}

/**
 * Linux takes a Unix-domain socket's first write of up to some 100 KiB whole or not at all. Frame and early data are one
 * write of at most 21 KiB: if it failed, for instance on a listener that closes at once what it has no room for, the
 * other side has no byte of it.
 */
const IS_FIRST_WRITE_WHOLE = process.platform === 'linux';

const SHORTAGES = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'];

type Target = Pick<FrameOf<'handoff'>, 'backend' | 'endpoint' | 'stamp'>;

/**
 * One round: a `hello` on a first connection and, if need be, an `attach` on a second one. Of the two at most one ever
 * becomes the application's; when the round is over, no other socket and no timer of it is left.
 */
export class ConnectRound {
  readonly #options: RoundOptions;
  readonly #knownBackends: KnownBackends;
  readonly #connectionId = randomId();
  readonly #finish: (result: RoundResult) => void;
  #isOver = false;
  #first: HandoffSocket | undefined;
  #second: HandoffSocket | undefined;
  // The second connection is tried once a round: a route that was refused stays refused.
  #target: Target | undefined;
  #hasAttached = false;
  // The backend that the hello named: this round's id leads there and nowhere else.
  readonly #known: KnownBackend | undefined;
  // When the hello was sent, on the clock of the machine.
  #stamp = 0;
  #hasAnnouncement = false;
  // What to remember if the announced handle arrives.
  #announced: KnownBackend | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #reason: ReconnectReason | undefined;
  #retryAfterMs: number | undefined;
  // Made when it's needed: its stack costs more than all else here.
  #lastError: Error | undefined;

  /** @param mayKnow whether the broker may be asked for the backend that the last connection was handed to. */
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
    const { service, version, handoff, earlyData, socketPath, traceparent } = this.#options;
    const id = this.#connectionId;
    const known = this.#known;
    const stamp = stampOfNow();
    this.#stamp = stamp;
    if (known !== undefined) {
      this.#target = { backend: known.backend, endpoint: known.endpoint, stamp };
      this.#deadline = setTimeout(() => this.#attach(), known.deadlineMs + KNOWING_SLACK_MS);
    }
    const knows = known && { backend: known.backend, stamp };
    const hello = encodeFrame({ type: 'hello', id, service, version, handoff, knows, traceparent });
    const first = this.#createSocket({
      onFrame: (frame) => this.#onFirstFrame(frame, first),
      onLost: (error) => this.#onFirstLost(error),
    });
    this.#first = first;
    first.connect({ path: socketPath });
    first.write(Buffer.concat([hello, earlyData]));
  }

  /** Ends the round with nothing. */
  cancel(): void {
    this.#end();
  }

  #createSocket(listener: ConstructorParameters<typeof HandoffSocket>[1]): HandoffSocket {
    const { allowHalfOpen, expectsReply, earlyData } = this.#options;
    return new HandoffSocket(
      { allowHalfOpen, isEndWithoutReplyLoss: expectsReply && earlyData.length > 0 },
      listener,
    );
  }

  #onFirstFrame(frame: Frame, socket: HandoffSocket): boolean {
    switch (frame.type) {
      case 'handoff':
        if (this.#hasAnnouncement || !this.#follow(frame)) break;
        this.#onAnnouncement(frame);
        return false;
      case 'ready':
        if (this.#announced !== undefined) this.#knownBackends.remember(this.#options, this.#announced);
        this.#win(socket, 'handedOff');
        return true;
      case 'reconnect':
        if (!this.#follow(frame)) break;
        this.#reason = frame.reason;
        this.#retryAfterMs = frame.retryAfterMs;
        socket.abandon();
        this.#first = undefined;
        if (this.#hasAttached) this.#giveUpIfNoRouteIsOpen();
        else this.#attach();
        return false;
      case 'error':
        this.#onErrorFrame(frame, socket);
        return false;
    }
    this.#fail('protocolError', `the broker sent a ${frame.type} frame out of turn`);
    return false;
  }

  /** Goes where the broker says; false if this round has gone to another process already. */
  #follow({ backend, endpoint, stamp }: Target): boolean {
    if (this.#hasAttached) return this.#target?.backend === backend;
    if (this.#target !== undefined && this.#target.backend !== backend) this.#forget();
    this.#target = { backend, endpoint, stamp };
    return true;
  }

  #onAnnouncement({ backend, endpoint, stamp, deadlineMs, knows }: FrameOf<'handoff'>): void {
    this.#hasAnnouncement = true;
    const now = monotonicNow();
    // A stamp from before the hello, or from the future, is of another clock than ours: that broker could do nothing
    // with one of ours.
    if (knows === true && !isLater(this.#stamp, stamp) && !isLater(stamp, now)) {
      // The broker's time began at its stamp; a part of it may have gone by in the backend's queue.
      const wholeMs = Math.min(MAX_DEADLINE_MS, deadlineMs + Math.max(0, now - stamp));
      this.#announced = { backend, endpoint, deadlineMs: wholeMs };
    }
    if (this.#hasAttached) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#attach(), deadlineMs);
  }

  #onErrorFrame(frame: FrameOf<'error'>, socket: HandoffSocket): void {
    const text = `the broker answered ${frame.code}: ${frame.message}`;
    const isStale = frame.code === 'staleBackend' && this.#known !== undefined;
    if (isStale) this.#forget();
    if (this.#hasAttached) {
      // The backend may have let the second connection in: beginning again could run the request twice.
      this.#lastError = new Error(text);
      socket.abandon();
      this.#first = undefined;
      this.#giveUpIfNoRouteIsOpen();
      return;
    }
    if (frame.retryable) {
      this.#again(new Error(text), { retryAfterMs: frame.retryAfterMs, isAtOnce: isStale });
      return;
    }
    const code =
      frame.code === 'unknownService' || frame.code === 'noMatchingVersion' ? frame.code : 'refused';
    this.#fail(code, text);
  }

  #onFirstLost(error: Error | undefined): void {
    this.#first = undefined;
    if (this.#isOver || this.#failIfNotOurs(error)) return;
    this.#lastError = error ?? this.#lastError ?? new Error('the connection to the broker ended');
    if (this.#target === undefined || (!this.#hasAnnouncement && !this.#hasAttached && isUnsent(error))) {
      // Without a hello there is no handle on its way to the known backend, and the broker still has to be asked.
      this.#again(this.#lastError, { isBrokerMissing: isNobodyThere(error) });
    } else if (this.#hasAttached) {
      this.#giveUpIfNoRouteIsOpen();
    } else {
      this.#attach();
    }
  }

  #attach(): void {
    clearTimeout(this.#deadline);
    const target = this.#target;
    if (target === undefined) return;
    this.#hasAttached = true;
    // Nobody has said so, it took too long: let the next round be told anew, the deadline as well.
    if (this.#reason === undefined) this.#forget();
    const { backend, stamp } = target;
    const second = this.#createSocket({
      onFrame: (frame) => this.#onSecondFrame(frame, second),
      onLost: (error) => this.#onSecondLost(error),
    });
    this.#second = second;
    second.connect({ path: target.endpoint });
    const { earlyData, traceparent } = this.#options;
    const attach = encodeFrame({ type: 'attach', id: this.#connectionId, backend, stamp, traceparent });
    second.write(Buffer.concat([attach, earlyData]));
  }

  #onSecondFrame(frame: Frame, socket: HandoffSocket): boolean {
    switch (frame.type) {
      case 'ready':
        this.#win(socket, 'reconnected');
        return true;
      case 'claimed':
        this.#lastError = new Error('the backend had this connection already, and lost it');
        break;
      case 'error':
        this.#forget();
        this.#lastError = new Error(`the backend answered ${frame.code}: ${frame.message}`);
        break;
      default:
        this.#fail('protocolError', `the backend sent a ${frame.type} frame out of turn`);
        return false;
    }
    socket.abandon();
    this.#second = undefined;
    this.#giveUpIfNoRouteIsOpen();
    return false;
  }

  #onSecondLost(error: Error | undefined): void {
    this.#second = undefined;
    if (this.#isOver || this.#failIfNotOurs(error)) return;
    this.#forget();
    this.#lastError = error ?? new Error('the connection to the backend ended');
    this.#giveUpIfNoRouteIsOpen();
  }

  #forget(): void {
    if (this.#target !== undefined) this.#knownBackends.forget(this.#options, this.#target.backend);
  }

  #giveUpIfNoRouteIsOpen(): void {
    if (this.#first !== undefined || this.#second !== undefined) return;
    this.#again(this.#lastError ?? new Error('the connection to the broker ended'));
  }

  /** An error that another round can't be the answer to. */
  #failIfNotOurs(error: Error | undefined): boolean {
    if (error === undefined) return false;
    if (isWriteError(error) && this.#options.earlyData.length > 0 && !IS_FIRST_WRITE_WHOLE) {
      // Part of it may have arrived, and `ready` may have been there, unread: the request may have run.
      this.#fail('connectionLost', 'the connection was lost while the request was being sent', error);
      return true;
    }
    if (error.name === 'WireError') {
      this.#fail('protocolError', `the other side sent what is not a frame: ${error.message}`, error);
      return true;
    }
    return false;
  }

  #win(socket: HandoffSocket, route: HandoffConnection['route']): void {
    if (this.#first === socket) this.#first = undefined;
    if (this.#second === socket) this.#second = undefined;
    if (this.#options.furtherData.length > 0) {
      // In front of whatever the caller writes, but not before the caller has the socket: an error that a write meets at once
      // would be told before anybody can listen for it.
      socket.cork();
      socket.write(this.#options.furtherData);
      setImmediate(() => socket.uncork());
    }
    const details =
      route === 'handedOff'
        ? {}
        : {
            reason: this.#reason ?? 'backendAckTimeout',
            ...(this.#retryAfterMs === undefined ? {} : { retryAfterMs: this.#retryAfterMs }),
          };
    this.#end({
      type: 'connected',
      connection: { socket, route, ...details, connectionId: this.#connectionId },
    });
  }

  #again(
    cause: Error,
    {
      retryAfterMs,
      isBrokerMissing = false,
      isAtOnce = false,
    }: {
      readonly retryAfterMs?: number | undefined;
      readonly isBrokerMissing?: boolean;
      readonly isAtOnce?: boolean;
    } = {},
  ): void {
    this.#end({
      type: 'again',
      cause,
      isBrokerMissing,
      isAtOnce,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  #fail(code: HandoffClientError['code'], message: string, cause?: Error): void {
    this.#end({ type: 'failed', error: new HandoffClientError(code, message, { cause }) });
  }

  #end(result?: RoundResult): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#first?.abandon();
    this.#second?.abandon();
    this.#first = undefined;
    this.#second = undefined;
    if (result !== undefined) this.#finish(result);
  }
}

function isWriteError(error: Error): boolean {
  return (error as NodeJS.ErrnoException).syscall === 'write';
}

/** Whether the hello has not arrived: there was no connection, or it took none of the only write. */
function isUnsent(error: Error | undefined): boolean {
  const syscall = (error as NodeJS.ErrnoException | undefined)?.syscall;
  return syscall === 'connect' || syscall === 'write';
}

/** Whether no broker can be reached: not where one is there and its queue is full, or this process is short of something. */
function isNobodyThere(error: Error | undefined): boolean {
  const { syscall, code } = (error ?? {}) as NodeJS.ErrnoException;
  return syscall === 'connect' && !(code !== undefined && SHORTAGES.includes(code));
}
