import type { Socket } from 'node:net';
import type { ReconnectReason } from '../../machines/vocabulary';

/** Options of `connect`. */
export interface ConnectOptions {
  /** Path of the broker's socket, at most 107 bytes (macOS: 103). */
  readonly socketPath: string;
  /** Name of the service, 1 to 256 characters. */
  readonly service: string;
  /**
   * A semantic version or a range, 1 to 128 characters. The broker takes the version that is named in full, or else the
   * highest that matches; `*` matches prereleases only where there is nothing else.
   * @default '*'
   */
  readonly version?: string | undefined;
  /**
   * Whether this connection itself may be handed to the backend. False always reconnects.
   * @default true
   */
  readonly handoff?: boolean | undefined;
  /**
   * The first bytes of the application's data. They reach the backend one round trip earlier than what is written later.
   * A string is sent as UTF-8; of a buffer, or a view of one, the bytes are sent as they lie in memory. They are copied.
   * The bytes over 16,384 are sent when the backend is reached, in front of everything that the caller writes.
   * @default none
   */
  readonly earlyData?: string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer | undefined;
  /**
   * Whether the socket stays writable after the other side's end, as in `net.connect`.
   * @default false
   */
  readonly allowHalfOpen?: boolean | undefined;
  /**
   * Milliseconds for everything together, from 1.
   * @default 10000
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Milliseconds to try again while no broker can be reached at `socketPath` (nobody listens there, or it may not be
   * opened), within `connectTimeoutMs`: it may be about to restart. 0 gives up at once.
   * @default 1000
   */
  readonly brokerWaitMs?: number | undefined;
  /**
   * The trace that this connection belongs to, as W3C's `traceparent` header has it. Broker and backend log it.
   * @default none
   */
  readonly traceparent?: string | undefined;
  /** Gives up when it is aborted before there is a connection; afterwards it has no effect. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether a request in the early data is always answered by at least one byte. If so, an end without one is told as
   * `connectionLost` instead of as an empty reply.
   * @default true
   */
  readonly expectsReply?: boolean | undefined;
}

/** What `connect` gives: a socket that leads to the backend, and how it came about. */
export interface HandoffConnection {
  /**
   * The application's from its first byte on. If it is lost when the request may have run, its error is a
   * `HandoffClientError` with code `connectionLost`.
   */
  readonly socket: Socket;
  /** `handedOff`: the first connection itself. `reconnected`: a second one, to the backend's endpoint. */
  readonly route: 'handedOff' | 'reconnected';
  /** Why it was not handed off. Only with `reconnected`. */
  readonly reason?: ReconnectReason;
  /** Milliseconds until the broker may try handoff to this backend again. Only with `failedAttemptRateLimited`. */
  readonly retryAfterMs?: number;
  /** The id under which broker and backend know this connection, 32 hexadecimal digits. */
  readonly connectionId: string;
}
