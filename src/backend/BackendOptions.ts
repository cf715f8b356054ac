import type { Socket } from 'node:net';
import type { BackendIdentity } from '../protocol/backendIdentity';

/** How a connection came to the backend. */
export type BackendRoute = 'handedOff' | 'reconnected';

/** What is known of a connection beside its bytes. */
export interface BackendConnectionInfo {
  /** `handedOff`: it is the client's first connection. `reconnected`: the client connected to the endpoint. */
  readonly route: BackendRoute;
  /** The id of the client's `hello`, 32 hexadecimal digits; no other connection ever has it. */
  readonly connectionId: string;
  /** Bytes of early data that the stream begins with. They are in the stream, in front of all others. */
  readonly earlyDataBytes: number;
  /** The client's trace context, in the form of W3C's `traceparent` header. Left out if it gave none. */
  readonly traceparent?: string;
}

/** Options of `serveBackend`. */
export interface ServeBackendOptions {
  /**
   * Gets each connection, on either route in the same state: nothing read, nothing written by the application, half-close
   * kept (`allowHalfOpen`). An error of the socket that nobody listens for doesn't end the process. It suits `httpServer.emit('connection', socket)`. Called synchronously;
   * attach listeners before it returns. If it throws, or returns a promise that rejects, the connection is destroyed and
   * `onError` is told.
   */
  readonly onConnection: (socket: Socket, info: BackendConnectionInfo) => void;
  /**
   * Asked before a handed connection is taken. An answer refuses it: the broker counts it as `permissionDenied` or
   * `integrityMismatch` and the client reconnects. If it throws or answers anything else, a promise for instance, that is
   * `integrity`, and `onError` is told.
   * @default takes every connection
   */
  readonly refuseHandoff?:
    | ((info: BackendConnectionInfo) => 'permission' | 'integrity' | undefined)
    | undefined;
  /**
   * How long an id stays claimed, counted from its `hello`, in milliseconds from 1. A route that comes later is refused.
   * @default 60000
   */
  readonly claimTtlMs?: number | undefined;
  /**
   * Most ids claimed at a time, from 1; together with `claimTtlMs` this bounds the rate of connections that last
   * (262,144 in 60 seconds are 4,369 a second). When they are used up, connections are refused for a while.
   * @default 262144
   */
  readonly maxClaims?: number | undefined;
  /**
   * How long a connection to the endpoint may take to say what it wants, and `ready` to be taken, in milliseconds from 1.
   * @default 5000
   */
  readonly helloTimeoutMs?: number | undefined;
  /**
   * Most connections to the endpoint that aren't the application's (yet), from 1. When they are used up, one that has had
   * its answer makes room for the next, or else the oldest that said nothing though it was listened to; it, or the next one
   * if there is none, is told `busy`. One whose id is claimed never has to go.
   * @default 1024
   */
  readonly maxPendingAttaches?: number | undefined;
  /**
   * Connections that the system holds until the endpoint accepts them, 1 to 65,535; Linux holds at most
   * `net.core.somaxconn`.
   * @default 4096
   */
  readonly backlog?: number | undefined;
  /**
   * Who this process is, and where it listens.
   * @default what the broker that started the process says
   */
  readonly identity?: BackendIdentity | undefined;
  /**
   * Where to listen, instead of the identity's endpoint. A relative path is taken from this process's directory.
   * @default the identity's
   */
  readonly endpoint?: string | undefined;
  /**
   * What happens when the broker goes away without a word. True: the endpoint goes on, and a later broker can adopt this
   * process. False: the endpoint closes, so that the process ends with its last connection.
   * @default true
   */
  readonly surviveBroker?: boolean | undefined;
  /**
   * Is told of errors that no caller can catch: of `onConnection`, of `refuseHandoff`, of a connection, of the endpoint. An
   * error of its own goes to `process.emitWarning`.
   * @default `process.emitWarning`, which writes to standard error
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A backend at work. */
export interface ServedBackend {
  /** Path of the socket that clients reconnect to. */
  readonly endpoint: string;
  /** Who this process is. */
  readonly identity: BackendIdentity;
  /**
   * Closes the endpoint and leaves the broker; what is open goes on to its end. Resolves when nothing new can come. May
   * be called more than once.
   */
  close(): Promise<void>;
}
