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

/** A service in one version, and how its backend process is started. */
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
   * Environment variables beside the broker's own.
   * @default none
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Arguments of Node itself. The broker's own are not passed on.
   * @default none
   */
  readonly execArgv?: readonly string[] | undefined;
  /**
   * Working directory of the process.
   * @default the broker's
   */
  readonly cwd?: string | undefined;
  /**
   * The service's policy: whether its connections may be handed over. `setServiceHandoff` changes it.
   * @default true
   */
  readonly handoff?: boolean | undefined;
  /**
   * Milliseconds in which the backend has to acknowledge a connection, 1 to 60,000, the wait in the queue included.
   * @default the broker's `ackDeadlineMs`
   */
  readonly ackDeadlineMs?: number | undefined;
  /**
   * File that the process's output is appended to. A backend that is to outlive its broker needs one: output to a terminal
   * or pipe that is gone would end it.
   * @default a file in `stateDirectory`; without one, the broker's standard error
   */
  readonly logFile?: string | undefined;
}

/** A backend process that an earlier broker started and left running; `Broker.stop` and `Broker.adoptableBackends` tell it. */
export interface AdoptableBackend {
  readonly serviceName: string;
  readonly serviceVersion: string;
  /** Path of the process's own socket. A relative one is taken from this process's directory. */
  readonly endpoint: string;
  /** Which process: 32 hexadecimal digits. */
  readonly backend: string;
  readonly pid: number;
  /**
   * When the process started, in a form of this library's own that no later process with the same `pid` has. Given, it has
   * to be right. Left out where that can't be told (only Linux can).
   */
  readonly processStart?: string;
}

/** What the embedder's own checks may look at. */
export interface AttemptRequest {
  readonly backend: BackendKey;
  /** Id of the client's `hello`. */
  readonly connectionId: string;
  /** The version or range that the client asked for. */
  readonly requestedVersion: string;
  /** Bytes of early data that came with the `hello`. */
  readonly earlyDataBytes: number;
}

/** Options of `createBroker`. */
export interface BrokerOptions {
  /**
   * Path of the socket to listen on, at most 107 bytes (macOS: 103). A dead broker's socket is taken over. The socket is
   * made accessible to its owner only. Its directory must be this user's own and closed to others (mode 0700), such as
   * `/run/user/1000`.
   */
  readonly socketPath: string;
  /** At least one. Each one's backend is started before `createBroker` resolves. */
  readonly services: readonly BrokerService[];
  /**
   * The failed-attempt policy, or what to make it of.
   * @default 8 failed attempts in 30,000 ms
   */
  readonly policy?: HandoffFallbackPolicy | HandoffFallbackPolicyOptions | undefined;
  /**
   * The `instance` of this broker's backend keys.
   * @default 'shared'
   */
  readonly instance?: string | undefined;
  /**
   * The controller's clock: it drives the failed-attempt windows. Deadlines of transfers and processes are always real time.
   * @default monotonic time
   */
  readonly clock?: Clock | undefined;
  /** Is told of every chart, as XState tells it: the backends', each transfer's, and that of descriptor pressure. */
  readonly inspect?: InspectionObserver | undefined;
  /**
   * Directory for what is to outlive a sudden end of this broker: which backends it has started and what its controller
   * knows, at most a second old. The next broker with this directory goes on with them. It's made if it's missing; it has
   * to be accessible to its owner only, and one broker at a time can have it.
   * @default nothing is kept: backends of a broker that is killed are nobody's
   */
  readonly stateDirectory?: string | undefined;
  /**
   * A snapshot of an earlier broker's controller, to go on from.
   * @default the one in `stateDirectory`
   */
  readonly snapshot?: PersistedHandoffSnapshot | undefined;
  /**
   * Backends of an earlier broker to go on with, beside those in `stateDirectory`. One that isn't what it's said to be is
   * started anew, with a warning.
   */
  readonly adopt?: readonly AdoptableBackend[] | undefined;
  /**
   * Milliseconds in which a backend has to acknowledge a connection, 1 to 60,000, the wait in the queue included.
   * @default 1000
   */
  readonly ackDeadlineMs?: number | undefined;
  /**
   * Milliseconds in which a backend process has to listen, from 1.
   * @default 10000
   */
  readonly startTimeoutMs?: number | undefined;
  /**
   * Milliseconds that a backend has to stop by itself, and again after SIGTERM before SIGKILL, from 1.
   * @default 5000
   */
  readonly stopTimeoutMs?: number | undefined;
  /**
   * Milliseconds in which a client has to say its whole `hello`, from 1.
   * @default 5000
   */
  readonly helloTimeoutMs?: number | undefined;
  /**
   * Connections that the system holds until the broker accepts them, 1 to 65,535; Linux holds at most `net.core.somaxconn`.
   * A client that meets a full one tries again within its `connectTimeoutMs`.
   * @default 4096
   */
  readonly backlog?: number | undefined;
  /**
   * Most client connections in the broker's hands at a time, from 1. Over it, one that has had its answer makes room, or
   * one that has let 100 ms pass without a complete `hello`; if there is none, the new one is told `busy` and
   * comes again. Where descriptors can be counted (Linux) the bound is lower while fewer are left: a tenth of the soft
   * limit, from 8 to 64 of them, stays in reserve.
   * @default 4096
   */
  readonly maxConnections?: number | undefined;
  /**
   * Most transfers in flight in all, from 1. What comes on top reconnects (`transferLimit`).
   * @default 1024
   */
  readonly maxTransfers?: number | undefined;
  /**
   * Most transfers in flight to one backend, from 1. What comes on top reconnects (`transferLimit`).
   * @default 256
   */
  readonly maxTransfersPerBackend?: number | undefined;
  /**
   * Whether the process is short of file descriptors. Asked for each request; keep it fast. Whatever it says, there is
   * pressure for a second after the system had none left (EMFILE, ENFILE) to pass a handle or to start a process.
   * @default true from 80 % of the soft limit on, until the count is below 70 % (Linux; elsewhere false)
   */
  readonly fdPressure?: (() => boolean) | undefined;
  /**
   * Adds the embedder's own knowledge to a request's checks.
   * @default the inputs as they are
   */
  readonly adjustInputs?:
    | ((inputs: HandoffAttemptInputs, request: AttemptRequest) => HandoffAttemptInputs)
    | undefined;
  /**
   * How handles are passed.
   * @default `createScmRightsTransport()`, which is Node's IPC channel where there is nothing faster
   */
  readonly transport?: HandoffTransport | undefined;
  /**
   * Directory of the backends' sockets. It must exist, be this user's own and closed to others (mode 0700). A relative one is
   * taken from this process's directory at this moment; clients and backends are told the absolute path.
   * @default one in `stateDirectory`; without it, a new private directory, removed at the end
   */
  readonly endpointDirectory?: string | undefined;
}
