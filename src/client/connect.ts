import { unreadable } from '../errors/invalidArgument';
import { MAX_TIMER_MS } from '../errors/maxTimerMs';
import { onRejection } from '../errors/onRejection';
import type { ConnectOptions, HandoffConnection } from './ConnectOptions';
import { ConnectRound, type RoundResult } from './ConnectRound';
import { type CheckedConnectOptions, checkConnectOptions } from './checkConnectOptions';
import { HandoffClientError } from './HandoffClientError';
import { KnownBackends } from './KnownBackends';
import { RecentMap } from './RecentMap';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;
/** Extra pause in milliseconds for each paused connect of this process. */
const PAUSE_AMONG_OTHERS_MS = 1;

/** How long a broker that was never reached is waited for, by default. */
const UNKNOWN_BROKER_WAIT_MS = 1000;

const knownBackends = new KnownBackends();
/** The brokers that this process has reached, by the paths of their sockets. */
const reachedBrokers = new RecentMap<true>(256);
/** The number of paused connects of this process. */
let pausing = 0;

/**
 * Connects to a service through its broker. Whether or not handoff succeeds, the caller gets a working connection, or one
 * error if no backend can be reached in time.
 *
 * The process remembers up to 256 backends that took its connections, so that later connections are handed over without the
 * broker's announcement.
 *
 * @throws {TypeError | RangeError} an option is invalid or unknown; the message names the field and the value (the promise
 *   rejects).
 * @throws {HandoffClientError} any of its codes (the promise rejects). Leaves no socket or timer.
 */
export async function connect(options: ConnectOptions): Promise<HandoffConnection> {
  const checked = checkConnectOptions(options);
  return new Promise((resolve, reject) => new Connecting(checked, resolve, reject).start());
}

class Connecting {
  readonly #options: CheckedConnectOptions;
  readonly #resolve: (connection: HandoffConnection) => void;
  readonly #reject: (error: HandoffClientError | TypeError) => void;
  #isSettled = false;
  #round: ConnectRound | undefined;
  #rounds = 0;
  #timeout: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;
  #missingSince: number | undefined;
  #lastCause: Error | undefined;

  constructor(
    options: CheckedConnectOptions,
    resolve: (connection: HandoffConnection) => void,
    reject: (error: HandoffClientError | TypeError) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    this.#heedSignal();
    if (this.#isSettled) return;
    this.#timeout = setTimeout(() => this.#onTimeout(), this.#options.connectTimeoutMs);
    this.#begin();
  }

  /** A signal need not be one of Node's: whatever it throws must settle this connect. */
  #heedSignal(): void {
    const { signal } = this.#options;
    if (signal === undefined) return;
    const onUnusable = (cause: unknown): void => this.#fail(unreadable('signal', cause));
    try {
      if (signal.aborted) this.#onAbort();
      else onRejection(signal.addEventListener('abort', this.#onAbort, { once: true }), onUnusable);
    } catch (cause) {
      onUnusable(cause);
    }
  }

  #leaveSignal(): void {
    const { signal } = this.#options;
    try {
      onRejection(signal?.removeEventListener('abort', this.#onAbort), () => {});
    } catch {
      // It's left alone: what it tells from now on is ignored.
    }
  }

  #begin(): void {
    this.#rounds += 1;
    // Only the first round may use a remembered backend; if it fails, ask the broker.
    const mayKnow = this.#rounds === 1;
    this.#round = new ConnectRound(this.#options, knownBackends, mayKnow, (result) => this.#onResult(result));
    this.#round.start();
  }

  #onResult(result: RoundResult): void {
    switch (result.type) {
      case 'connected':
        reachedBrokers.set(this.#options.socketPath, true);
        this.#settle();
        this.#resolve(result.connection);
        return;
      case 'failed':
        this.#fail(result.error);
        return;
      case 'again':
        this.#lastCause = result.cause;
        if (result.isBrokerMissing && this.#isMissingForTooLong()) {
          this.#fail(
            new HandoffClientError(
              'brokerUnavailable',
              `no broker can be reached at ${this.#options.socketPath}: ${result.cause.message}`,
              { cause: result.cause },
            ),
          );
          return;
        }
        if (!result.isBrokerMissing) {
          this.#missingSince = undefined;
          reachedBrokers.set(this.#options.socketPath, true);
        }
        if (result.isAtOnce) {
          this.#begin();
          return;
        }
        this.#pauseAndBegin(result.retryAfterMs);
        return;
    }
  }

  #isMissingForTooLong(): boolean {
    const now = performance.now();
    this.#missingSince ??= now;
    const { socketPath, connectTimeoutMs, brokerWaitMs } = this.#options;
    // A broker that was there is taken to be restarting; one that never was may be a wrong path.
    const defaultMs = reachedBrokers.get(socketPath) ? connectTimeoutMs : UNKNOWN_BROKER_WAIT_MS;
    return now - this.#missingSince >= (brokerWaitMs ?? defaultMs);
  }

  #pauseAndBegin(retryAfterMs: number | undefined): void {
    pausing += 1;
    this.#pause = setTimeout(() => {
      pausing -= 1;
      this.#pause = undefined;
      this.#begin();
    }, this.#nextPauseMs(retryAfterMs));
  }

  #nextPauseMs(retryAfterMs = 0): number {
    const alone = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#rounds - 1, 10));
    // Thousands of simultaneous retries would block this process, including the answers that they wait for.
    const full = Math.max(alone, pausing * PAUSE_AMONG_OTHERS_MS);
    // Jitter keeps clients that lost the same backend from retrying together.
    return Math.max(Math.min(retryAfterMs, MAX_TIMER_MS), full * (0.5 + Math.random() / 2));
  }

  readonly #onAbort = (): void => {
    let cause: unknown;
    try {
      cause = this.#options.signal?.reason;
    } catch (error) {
      cause = error;
    }
    this.#fail(new HandoffClientError('aborted', 'connecting was aborted', { cause }));
  };

  #onTimeout(): void {
    const { service, version, connectTimeoutMs } = this.#options;
    const last = this.#lastCause === undefined ? '' : `; last: ${this.#lastCause.message}`;
    this.#fail(
      new HandoffClientError(
        'timeout',
        `no connection to ${service} ${version} within ${connectTimeoutMs} ms${last}`,
        { cause: this.#lastCause },
      ),
    );
  }

  #fail(error: HandoffClientError | TypeError): void {
    // A signal may abort after it was left.
    if (this.#isSettled) return;
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.#isSettled = true;
    clearTimeout(this.#timeout);
    if (this.#pause !== undefined) pausing -= 1;
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#leaveSignal();
    this.#round?.cancel();
  }
}
