import type { Socket } from 'node:net';
import type { ReconnectReason } from '../../machines/vocabulary';

/** Options of `connect`. */
export interface ConnectOptions {
  /** Path of the broker's socket, at most 107 bytes (macOS: 103). */
  readonly socketPath: string;
  /** Name of the service, 1 to 256 characters. */
  readonly service: string;
  /**
   * A semantic version or a range, 1 to 128 characters. The broker picks the exact version if given, otherwise the
   * highest match; `*` matches prereleases only if there is nothing else.
   * @default '*'
   */
  readonly version?: string | undefined;
  /**
   * Whether this connection itself may be handed to the backend. False always reconnects.
   * @default true
   */
  readonly handoff?: boolean | undefined;
  /**
   * The first bytes of the application's data. They reach the backend one round trip earlier than later writes. A string is
   * sent as UTF-8, a buffer or view as its raw bytes. The bytes are copied. Bytes beyond 16,384 are sent once the backend is
   * reached, before the caller's writes.
   * @default none
   */
  readonly earlyData?: string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer | undefined;
  /**
   * Whether the socket stays writable after the other side has ended, as in `net.connect`.
   * @default false
   */
  readonly allowHalfOpen?: boolean | undefined;
  /**
   * Total timeout in milliseconds, from 1.
   * @default 10000
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * How long to retry, in milliseconds, while no broker can be reached at `socketPath` (nobody listens, or it may not be
   * opened), within `connectTimeoutMs`: the broker may be restarting. 0 gives up at once.
   * @default `connectTimeoutMs` if this process has reached a broker there before, otherwise 1000
   */
  readonly brokerWaitMs?: number | undefined;
  /**
   * The connection's trace context, in the format of W3C's `traceparent` header. Broker and backend log it.
   * @default none
   */
  readonly traceparent?: string | undefined;
  /** Aborts the attempt; no effect once connected. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether a request in the early data is always answered by at least one byte. If so, an end without any
   * byte is the error `connectionLost` instead of an empty reply.
   * @default true
   */
  readonly expectsReply?: boolean | undefined;
}

/** The result of `connect`: a socket connected to the backend, and the route. */
export interface HandoffConnection {
  /**
   * Carries only the application's bytes. If it's lost when the request may have run, its error is a `HandoffClientError` with
   * code `connectionLost`.
   */
  readonly socket: Socket;
  /** `handedOff`: the first connection. `reconnected`: a second one, to the backend's endpoint. */
  readonly route: 'handedOff' | 'reconnected';
  /** Why it was not handed off. Only with `reconnected`. */
  readonly reason?: ReconnectReason;
  /** Milliseconds until the broker may try handoff to this backend again; only with `failedAttemptRateLimited`. */
  readonly retryAfterMs?: number;
  /** The connection's id in broker and backend, 32 hexadecimal digits. */
  readonly connectionId: string;
}
