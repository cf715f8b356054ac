import { maxSocketPathBytes } from '../wire/maxSocketPathBytes';
import { isTraceparent } from '../wire/traceparent';
import { MAX_EARLY_DATA_BYTES } from '../wire/wireLimits';
import type { ConnectOptions, HandoffConnection } from './ConnectOptions';
import { ConnectRound, type RoundOptions, type RoundResult } from './ConnectRound';
import { HandoffClientError } from './HandoffClientError';
import { KnownBackends } from './KnownBackends';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;
const MAX_TIMER_MS = 2 ** 31 - 1;

const knownBackends = new KnownBackends();

interface CheckedOptions extends RoundOptions {
  readonly connectTimeoutMs: number;
  readonly brokerWaitMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Connects to a service through its broker. Whatever becomes of the handoff, the caller gets a working connection, or
 * one error if no backend can be reached in time.
 *
 * This process remembers which backends its last connections were handed to, 256 at the most, so that the next ones are
 * handed over without the broker's announcement.
 *
 * @throws {HandoffClientError} any of its codes (the promise rejects). No socket and no timer is left then.
 */
export async function connect(options: ConnectOptions): Promise<HandoffConnection> {
  const checked = checkOptions(options);
  return new Promise((resolve, reject) => new Connecting(checked, resolve, reject).start());
}

class Connecting {
  readonly #options: CheckedOptions;
  readonly #resolve: (connection: HandoffConnection) => void;
  readonly #reject: (error: HandoffClientError) => void;
  #round: ConnectRound | undefined;
  #rounds = 0;
  #timeout: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;
  #missingSince: number | undefined;
  #lastCause: Error | undefined;

  constructor(
    options: CheckedOptions,
    resolve: (connection: HandoffConnection) => void,
    reject: (error: HandoffClientError) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { signal, connectTimeoutMs } = this.#options;
    if (signal?.aborted) {
      this.#onAbort();
      return;
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#timeout = setTimeout(() => this.#onTimeout(), connectTimeoutMs);
    this.#begin();
  }

  #begin(): void {
    this.#rounds += 1;
    // What is known is good for a first try: where that doesn't lead at once, the broker is asked anew.
    const mayKnow = this.#rounds === 1;
    this.#round = new ConnectRound(this.#options, knownBackends, mayKnow, (result) => this.#onResult(result));
    this.#round.start();
  }

  #onResult(result: RoundResult): void {
    switch (result.type) {
      case 'connected':
        this.#cleanUp();
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
        if (!result.isBrokerMissing) this.#missingSince = undefined;
        if (result.isAtOnce) {
          this.#begin();
          return;
        }
        this.#pause = setTimeout(() => this.#begin(), this.#nextPauseMs(result.retryAfterMs));
        return;
    }
  }

  #isMissingForTooLong(): boolean {
    const now = performance.now();
    this.#missingSince ??= now;
    return now - this.#missingSince >= this.#options.brokerWaitMs;
  }

  #nextPauseMs(retryAfterMs = 0): number {
    const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#rounds - 1, 10));
    // Jitter, so that clients that lost the same backend don't all come back at once.
    return Math.max(Math.min(retryAfterMs, MAX_TIMER_MS), full * (0.5 + Math.random() / 2));
  }

  readonly #onAbort = (): void => {
    const cause: unknown = this.#options.signal?.reason;
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

  #fail(error: HandoffClientError): void {
    this.#cleanUp();
    this.#reject(error);
  }

  #cleanUp(): void {
    clearTimeout(this.#timeout);
    clearTimeout(this.#pause);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#round?.cancel();
  }
}

function checkOptions(options: ConnectOptions): CheckedOptions {
  const {
    version = '*',
    handoff = true,
    earlyData = '',
    allowHalfOpen = false,
    connectTimeoutMs = 10_000,
    brokerWaitMs = 1000,
    expectsReply = true,
    socketPath,
    service,
    signal,
    traceparent,
  } = options;
  checkSocketPath(socketPath);
  checkText('service', service, 1, 256);
  checkText('version', version, 1, 128);
  checkBoolean('handoff', handoff);
  checkBoolean('allowHalfOpen', allowHalfOpen);
  checkBoolean('expectsReply', expectsReply);
  checkMilliseconds('connectTimeoutMs', connectTimeoutMs, 1);
  checkMilliseconds('brokerWaitMs', brokerWaitMs, 0);
  if (typeof earlyData !== 'string' && !ArrayBuffer.isView(earlyData)) {
    throw invalid('earlyData', 'a string or a Uint8Array', earlyData);
  }
  if (traceparent !== undefined && !isTraceparent(traceparent)) {
    throw invalid('traceparent', 'in the form of W3C\u2019s header traceparent', traceparent);
  }
  // A copy: it may have to be sent again when the caller has long changed the original.
  const bytes = Buffer.from(earlyData);
  return {
    socketPath,
    service,
    version,
    handoff,
    allowHalfOpen,
    connectTimeoutMs,
    brokerWaitMs,
    expectsReply,
    signal,
    traceparent,
    earlyData: bytes.subarray(0, MAX_EARLY_DATA_BYTES),
    furtherData: bytes.subarray(MAX_EARLY_DATA_BYTES),
  };
}

/** The system would cut a longer path off, and lead to another socket. */
function checkSocketPath(value: unknown): void {
  const max = maxSocketPathBytes();
  const isPath = typeof value === 'string' && value.length > 0 && !value.includes('\0');
  if (!isPath || Buffer.byteLength(value) > max) {
    throw invalid('socketPath', `a path of 1 to ${max} bytes`, value);
  }
}

function checkText(field: string, value: unknown, min: number, max: number): void {
  if (typeof value !== 'string' || value.length < min || value.length > max) {
    throw invalid(field, `a string of ${min} to ${max} characters`, value);
  }
}

function checkBoolean(field: string, value: unknown): void {
  if (typeof value !== 'boolean') throw invalid(field, 'a boolean', value);
}

function checkMilliseconds(field: string, value: unknown, min: number): void {
  if (typeof value !== 'number' || !(value >= min && value <= MAX_TIMER_MS)) {
    throw invalid(field, `milliseconds from ${min} to ${MAX_TIMER_MS}`, value);
  }
}

function invalid(field: string, expected: string, value: unknown): HandoffClientError {
  return new HandoffClientError('invalidOption', `${field} must be ${expected}, but is ${String(value)}`);
}
