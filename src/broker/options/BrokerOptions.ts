import type {
  BackendKey,
  Clock,
  HandoffAttemptInputs,
  HandoffFallbackPolicy,
  HandoffFallbackPolicyOptions,
  InspectionObserver,
  PersistedHandoffSnapshot,
} from '../../index';
import type { HandoffTransport } from '../channels/HandoffTransport';

/** One version of a service, and how to start its backend process. */
export interface BrokerService {
  /** Name that clients ask for, 1 to 256 characters. */
  readonly name: string;
  /**
   * A semantic version, such as `1.4.2` or `2.0.0-rc.1+build.7`, 1 to 128 characters. Name and version together are unique in
   * a broker; the build metadata counts.
   */
  readonly version: string;
  /** Path of the backend's JavaScript file, which calls `serveBackend`. */
  readonly module: string;
  /**
   * Arguments of the process.
   * @default none
   */
  readonly args?: readonly string[] | undefined;
  /**
   * Environment variables, added to the broker's own. `undefined` removes a variable.
   * @default none
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Arguments for Node itself. The broker's own aren't passed on.
   * @default none
   */
  readonly execArgv?: readonly string[] | undefined;
  /**
   * Working directory of the process.
   * @default the broker's
   */
  readonly cwd?: string | undefined;
  /**
   * How many processes to run, 1 to 64. Each has its own failed-attempt window. A client gets to the one with the fewest open
   * connections of those that can be handed to. A reload can change it.
   * @default 1
   */
  readonly replicas?: number | undefined;
  /**
   * Whether the service's connections may be handed over. `setServiceHandoff` changes it.
   * @default true
   */
  readonly handoff?: boolean | undefined;
  /**
   * Time for the backend to acknowledge a connection in milliseconds, 1 to 60,000, including the wait in the queue.
   * @default the broker's `ackDeadlineMs`
   */
  readonly ackDeadlineMs?: number | undefined;
  /**
   * File for the process's output, which is appended. A backend that must outlive its broker needs one: writing to a closed
   * terminal or pipe would end it.
   * @default a file in `stateDirectory`; without one, the broker's standard error
   */
  readonly logFile?: string | undefined;
}

/** A backend process that an earlier broker started, as returned by `Broker.stop` and `Broker.adoptableBackends`. */
export interface AdoptableBackend {
  readonly serviceName: string;
  readonly serviceVersion: string;
  /** Path of the process's own socket. A relative path is resolved against this process's working directory. */
  readonly endpoint: string;
  /** Id of the process: 32 lower-case hexadecimal digits. */
  readonly backend: string;
  readonly pid: number;
  /** Which of several processes of the service and version: 2, 3, …; omitted for the first. */
  readonly replica?: number | undefined;
  /**
   * Identifies the process's start, so that a later process with the same `pid` isn't mistaken for it. Must match if given.
   * Omitted where it's unknown (everywhere but on Linux).
   */
  readonly processStart?: string;
}

/** The request, for the embedder's `adjustInputs`. */
export interface AttemptRequest {
  readonly backend: BackendKey;
  /** Id of the client's `hello`. */
  readonly connectionId: string;
  /** The requested version or range. */
  readonly requestedVersion: string;
  /** Size of the early data that came with the `hello`, in bytes. */
  readonly earlyDataBytes: number;
}

/** Options of `createBroker`. */
export interface BrokerOptions {
  /**
   * Path of the socket to listen on, at most 107 bytes (macOS: 103). Replaces the socket of a dead broker. The socket is
   * accessible to its owner only. Its directory must belong to this user and be closed to others (mode 0700), such as
   * `/run/user/1000`.
   */
  readonly socketPath: string;
  /** At least one service. Their backends are started before `createBroker` resolves. */
  readonly services: readonly BrokerService[];
  /**
   * The failed-attempt policy, or its options.
   * @default 8 failed attempts in 30,000 ms
   */
  readonly policy?: HandoffFallbackPolicy | HandoffFallbackPolicyOptions | undefined;
  /**
   * The `instance` of this broker's backend keys.
   * @default 'shared'
   */
  readonly instance?: string | undefined;
  /**
   * The controller's clock, used for the failed-attempt windows. Deadlines of transfers and processes always use real time.
   * @default monotonic time
   */
  readonly clock?: Clock | undefined;
  /** Gets XState's inspection events of all charts: backends, their processes, transfers and descriptor pressure. */
  readonly inspect?: InspectionObserver | undefined;
  /**
   * Directory for the state that survives a crash of this broker: the backends that it started, and the controller's state, at
   * most a second old. The next broker with this directory adopts the backends and restores the state. Created if missing; must
   * be accessible to its owner only. One broker at a time can use it.
   * @default nothing is kept: a killed broker leaves its backends behind
   */
  readonly stateDirectory?: string | undefined;
  /**
   * A snapshot of an earlier broker's controller to restore.
   * @default the one in `stateDirectory`
   */
  readonly snapshot?: PersistedHandoffSnapshot | undefined;
  /**
   * Backends of an earlier broker to adopt, in addition to those in `stateDirectory`. If one can't be confirmed, the broker
   * warns and starts a new process.
   * @default none
   */
  readonly adopt?: readonly AdoptableBackend[] | undefined;
  /**
   * Time for a backend to acknowledge a connection in milliseconds, 1 to 60,000, including the wait in the queue.
   * @default 1000
   */
  readonly ackDeadlineMs?: number | undefined;
  /**
   * Time for a backend process to start listening in milliseconds, from 1.
   * @default 10000
   */
  readonly startTimeoutMs?: number | undefined;
  /**
   * Time for a backend to stop by itself in milliseconds, from 1; the same time again after SIGTERM, before SIGKILL.
   * @default 5000
   */
  readonly stopTimeoutMs?: number | undefined;
  /**
   * Time for a client to send its complete `hello` in milliseconds, from 1.
   * @default 5000
   */
  readonly helloTimeoutMs?: number | undefined;
  /**
   * Length of the system's queue of connections that the broker hasn't accepted yet, 1 to 65,535; Linux limits it to
   * `net.core.somaxconn`. If it's full, a client retries within its `connectTimeoutMs`.
   * @default 4096
   */
  readonly backlog?: number | undefined;
  /**
   * Most open client connections, from 1. Beyond it the broker evicts a connection that has got its answer, or else the oldest
   * one whose `hello` is still incomplete after two turns of the event loop. If there is none, the new client gets `busy` and
   * retries. Where descriptors can be counted (Linux), the bound is lowered to keep a reserve: a tenth of the soft limit, at
   * least 8 and at most 64 descriptors.
   * @default 4096
   */
  readonly maxConnections?: number | undefined;
  /**
   * Most transfers in flight, from 1. Further clients reconnect (`transferLimit`).
   * @default 1024
   */
  readonly maxTransfers?: number | undefined;
  /**
   * Most transfers in flight to one backend, from 1. Further clients reconnect (`transferLimit`).
   * @default 256
   */
  readonly maxTransfersPerBackend?: number | undefined;
  /**
   * Tells whether the process is short of file descriptors. Called for each request, so keep it fast. Regardless of its answer,
   * handoff is off for a second after the system refused a descriptor (EMFILE, ENFILE) to pass a handle or start a process.
   * @default true from 80 % of the soft limit until the count is below 70 % (Linux; elsewhere false)
   */
  readonly fdPressure?: (() => boolean) | undefined;
  /**
   * Returns a request's inputs with the embedder's own checks added.
   * @default the inputs unchanged
   */
  readonly adjustInputs?:
    | ((inputs: HandoffAttemptInputs, request: AttemptRequest) => HandoffAttemptInputs)
    | undefined;
  /**
   * How handles are passed.
   * @default `createScmRightsTransport()`, which falls back to Node's IPC channel
   */
  readonly transport?: HandoffTransport | undefined;
  /**
   * Directory of the backends' sockets. It must exist, belong to this user and be closed to others (mode 0700). A relative path
   * is resolved against this process's working directory at once; clients and backends get the absolute path.
   * @default `endpoints` in `stateDirectory`; without one, a new private directory, removed when the broker stops
   */
  readonly endpointDirectory?: string | undefined;
}
