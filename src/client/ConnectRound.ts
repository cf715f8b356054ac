import { encodeFrame } from '../wire/encodeFrame';
import type { Frame, FrameOf, ReconnectReason } from '../wire/frame';
import { randomId } from '../wire/randomId';
import type { HandoffConnection } from './ConnectOptions';
import { HandoffClientError } from './HandoffClientError';
import { HandoffSocket } from './HandoffSocket';

/** How one round of connecting ended. */
export type RoundResult =
  | { readonly type: 'connected'; readonly connection: HandoffConnection }
  | { readonly type: 'failed'; readonly error: HandoffClientError }
  | {
      readonly type: 'again';
      readonly cause: Error;
      readonly retryAfterMs?: number;
      /** Whether nobody listened at the broker's path. */
      readonly isBrokerMissing: boolean;
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

type Target = Pick<FrameOf<'handoff'>, 'backend' | 'endpoint' | 'stamp'>;

/**
 * One round: a `hello` on a first connection and, if need be, an `attach` on a second one. Of the two at most one ever
 * becomes the application's; when the round is over, no other socket and no timer of it is left.
 */
export class ConnectRound {
  readonly #options: RoundOptions;
  readonly #connectionId = randomId();
  readonly #finish: (result: RoundResult) => void;
  #isOver = false;
  #first: HandoffSocket | undefined;
  #second: HandoffSocket | undefined;
  // The second connection is tried once a round: a route that was refused stays refused.
  #target: Target | undefined;
  #hasAttached = false;
  #deadline: NodeJS.Timeout | undefined;
  #reason: ReconnectReason | undefined;
  #retryAfterMs: number | undefined;
  #lastError = new Error('the connection to the broker ended');

  constructor(options: RoundOptions, finish: (result: RoundResult) => void) {
    this.#options = options;
    this.#finish = finish;
  }

  start(): void {
    const { service, version, handoff, earlyData, socketPath, traceparent } = this.#options;
    const id = this.#connectionId;
    const hello = encodeFrame({ type: 'hello', id, service, version, handoff, traceparent });
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
        if (this.#target !== undefined) break;
        this.#target = frame;
        this.#deadline = setTimeout(() => this.#attach(), frame.deadlineMs);
        return false;
      case 'ready':
        if (this.#target === undefined) break;
        this.#win(socket, 'handedOff');
        return true;
      case 'reconnect':
        this.#target ??= frame;
        this.#reason = frame.reason;
        this.#retryAfterMs = frame.retryAfterMs;
        socket.abandon();
        this.#first = undefined;
        if (this.#hasAttached) this.#giveUpIfNoRouteIsOpen();
        else this.#attach();
        return false;
      case 'error':
        this.#onErrorFrame(frame);
        return false;
    }
    this.#fail('protocolError', `the broker sent a ${frame.type} frame out of turn`);
    return false;
  }

  #onErrorFrame(frame: FrameOf<'error'>): void {
    const text = `the broker answered ${frame.code}: ${frame.message}`;
    if (frame.retryable) {
      this.#again(new Error(text), frame.retryAfterMs);
      return;
    }
    const code =
      frame.code === 'unknownService' || frame.code === 'noMatchingVersion' ? frame.code : 'refused';
    this.#fail(code, text);
  }

  #onFirstLost(error: Error | undefined): void {
    this.#first = undefined;
    if (this.#isOver || this.#failIfNotOurs(error)) return;
    if (error !== undefined) this.#lastError = error;
    if (this.#target === undefined) {
      this.#again(this.#lastError, undefined, isNobodyThere(error));
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
    this.#lastError = error ?? new Error('the connection to the backend ended');
    this.#giveUpIfNoRouteIsOpen();
  }

  #giveUpIfNoRouteIsOpen(): void {
    if (this.#first === undefined && this.#second === undefined) this.#again(this.#lastError);
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

  #again(cause: Error, retryAfterMs?: number, isBrokerMissing = false): void {
    this.#end({
      type: 'again',
      cause,
      isBrokerMissing,
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

function isNobodyThere(error: Error | undefined): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}
