import { EventEmitter } from 'node:events';
import { createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { requireBoolean, requireText } from '../errors/invalidArgument';
import {
  type BackendKey,
  HandoffController,
  type InspectionObserver,
  type PersistedHandoffSnapshot,
} from '../index';
import { PeerConnections } from '../net/PeerConnections';
import { statusFrames } from './admin/statusFrames';
import { BackendSet, type ReloadedServices } from './backends/BackendSet';
import { backendStatus } from './backends/backendStatus';
import { guardTransport } from './channels/guardTransport';
import type { HandoffTransport } from './channels/HandoffTransport';
import { ClientAnswers } from './clients/ClientAnswers';
import { ClientGate } from './clients/ClientGate';
import { ClientRouter } from './clients/ClientRouter';
import { HandoffAttempts } from './clients/HandoffAttempts';
import { HandoffDecisions } from './clients/HandoffDecisions';
import { createController } from './createController';
import { checkPrivateDirectory, checkPrivateSocket } from './files/checkPrivatePath';
import { createEndpointDirectory, removeEndpointDirectory } from './files/endpointDirectory';
import { listenOnPath } from './files/listenOnPath';
import type { AdoptableBackend, BrokerOptions } from './options/BrokerOptions';
import { type CheckedBrokerOptions, checkBrokerOptions } from './options/checkBrokerOptions';
import { checkStopOptions, type StopOptions } from './options/checkStopOptions';
import { requireReloadable } from './options/requireReloadable';
import { FdPressure } from './pressure/FdPressure';
import type { BrokerState } from './state/BrokerState';
import { BrokerCounts } from './telemetry/BrokerCounts';
import type { BrokerExplanation } from './telemetry/BrokerDecision';
import type { BrokerEvents } from './telemetry/BrokerEvents';
import { BrokerInspection } from './telemetry/BrokerInspection';
import { BrokerReporter } from './telemetry/BrokerReporter';
import type { BackendStatus, BrokerStats } from './telemetry/BrokerStatus';
import type { ServiceCounts } from './telemetry/ServiceCounts';
import { TransferTokens } from './transfers/TransferTokens';

/** The `adopt` and `snapshot` options of the next broker. */
export interface StoppedBroker {
  /** Empty unless backends were left running. */
  readonly adopt: readonly AdoptableBackend[];
  /** The controller's state when the broker stopped. */
  readonly snapshot: PersistedHandoffSnapshot;
}

/**
 * Brings clients to backends. Made by `createBroker`; emits `BrokerEvents`. If a listener throws or rejects, the broker emits
 * the warning `listenerFailed`, and the other listeners are still called. A failing listener of `warning` is reported by
 * `process.emitWarning`, as is a failure of the embedder's code while `warning` has no listener.
 */
export class Broker extends EventEmitter<BrokerEvents> {
  /** Decides about handoff. Disposed by `stop`. */
  readonly controller: HandoffController;
  /** Path of the socket that clients connect to. */
  readonly socketPath: string;
  /** The `instance` of this broker's backend keys. */
  readonly instance: string;
  #options: CheckedBrokerOptions;
  readonly #state: BrokerState | undefined;
  readonly #server: Server;
  readonly #endpointDirectory: string;
  readonly #reporter = new BrokerReporter(this);
  readonly #counts = new BrokerCounts();
  readonly #connections = new PeerConnections();
  readonly #inspection: BrokerInspection;
  readonly #pressure: FdPressure;
  // The transport option, wrapped so that it never throws.
  readonly #transport: HandoffTransport;
  readonly #backends: BackendSet;
  readonly #decisions: HandoffDecisions;
  readonly #attempts: HandoffAttempts;
  readonly #gate: ClientGate;
  #hasStarted = false;
  #reloading: Promise<unknown> = Promise.resolve();
  #stopped: Promise<StoppedBroker> | undefined;

  /** @internal */
  constructor(options: CheckedBrokerOptions, state: BrokerState | undefined) {
    super();
    this.#options = options;
    this.#state = state;
    this.socketPath = options.socketPath;
    this.instance = options.instance;
    const counts = this.#counts;
    const reporter = this.#reporter;
    const connections = this.#connections;
    const settings = (): CheckedBrokerOptions => this.#options;
    const transport = guardTransport(options.transport, (method, cause) =>
      reporter.warnOfFailure('transportFailed', method, cause),
    );
    const inspection = new BrokerInspection(options.inspect, (cause) =>
      reporter.warnOfFailure('listenerFailed', 'inspect', cause),
    );
    this.#inspection = inspection;
    this.#transport = transport;
    this.controller = createController(
      options,
      options.snapshot ?? state?.snapshot,
      inspection.always,
      reporter,
    );
    const pressure = new FdPressure({
      connections: () => connections.size,
      check: options.fdPressure,
      inspect: inspection.ofActor,
    });
    this.#pressure = pressure;
    this.#endpointDirectory =
      options.endpointDirectory ?? state?.endpointDirectory ?? createEndpointDirectory();
    const backends = new BackendSet({
      instance: options.instance,
      controller: this.controller,
      endpointDirectory: this.#endpointDirectory,
      stateDirectory: state?.directory,
      transport,
      tokens: new TransferTokens(),
      reporter,
      counts,
      pressure,
      records: state,
      inspect: inspection.ofActor,
    });
    this.#backends = backends;
    const answers = new ClientAnswers(connections, counts, reporter);
    const decisions = new HandoffDecisions({ settings, transport, pressure, reporter });
    const attempts = new HandoffAttempts({ settings, answers, counts, pressure, reporter, inspection });
    const router = new ClientRouter({ settings, backends, decisions, attempts, answers });
    const gate = new ClientGate({
      settings,
      connections,
      router,
      answers,
      status: () => statusFrames(this),
      counts,
      pressure,
      reporter,
    });
    this.#decisions = decisions;
    this.#attempts = attempts;
    this.#gate = gate;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => gate.enter(socket));
    backends.addOffered(options.services, options);
    if (options.snapshot === undefined) backends.forgetOthers();
    if (state !== undefined) state.onWarning = (warning) => reporter.warn(warning);
  }

  /**
   * Listens and starts the backends. On an error it stops everything that was started.
   *
   * @internal
   */
  async start(): Promise<void> {
    process.on('exit', this.#killBackends);
    try {
      await this.#listen();
      this.#state?.watch(this.controller);
      await this.#adopt();
      await this.#backends.start();
      this.#hasStarted = true;
      const { limitation } = this.#transport;
      if (limitation !== undefined) this.#reporter.warn({ code: 'slowTransport', message: limitation });
      process.off('exit', this.#killBackends);
      setImmediate(() => this.#reporter.releaseWarnings());
    } catch (error) {
      process.off('exit', this.#killBackends);
      await this.stop();
      throw error;
    }
  }

  async #listen(): Promise<void> {
    const { stateDirectory, backlog } = this.#options;
    const directories = [dirname(this.socketPath), this.#endpointDirectory];
    if (stateDirectory !== undefined) directories.push(stateDirectory);
    const warnings = directories.flatMap((directory) => checkPrivateDirectory(directory));
    for (const message of new Set(warnings)) this.#reporter.warn({ code: 'groupWritable', message });
    // Before the backends: a second broker must fail before it starts a process.
    await listenOnPath(this.#server, this.socketPath, backlog);
    checkPrivateSocket(this.socketPath);
    this.#server.on('error', (cause) => {
      this.#reporter.warn({ code: 'serverError', message: cause.message, cause });
    });
  }

  async #adopt(): Promise<void> {
    const { adopt: given, startTimeoutMs, stopTimeoutMs } = this.#options;
    const survivors = this.#state?.survivors ?? [];
    const recorded = await this.#backends.adopt({ given, survivors, startTimeoutMs, stopTimeoutMs });
    this.#state?.keep(recorded);
    await this.#state?.removeDeadEndpoints();
  }

  /** The current status of each backend, in order of creation; empty after `stop` was called. */
  backends(): BackendStatus[] {
    if (this.#stopped !== undefined) return [];
    return [...this.#backends].map(backendStatus);
  }

  /**
   * The backends that accept connections now, for the `adopt` option of a later broker. To survive a crash of the broker, use
   * `stateDirectory`, or store this after each `backendReady` event.
   */
  adoptableBackends(): AdoptableBackend[] {
    return this.#backends.adoptable();
  }

  /** What the transport lacks on this system and the effect; undefined if nothing. */
  get limitation(): string | undefined {
    return this.#transport.limitation;
  }

  /** Counts since the start; still available after `stop`. */
  stats(): BrokerStats {
    return this.#counts.stats();
  }

  /**
   * The counts of every service since the start, removed ones too; still available after `stop`.
   *
   * @internal
   */
  serviceCounts(): readonly ServiceCounts[] {
    return this.#counts.services();
  }

  /**
   * How the broker would answer the next request of a client that supports handoff, and why. Changes nothing, and doesn't call
   * `adjustInputs`, which needs a real request. Works for a retiring backend too, although it gets no more requests.
   *
   * @throws {BrokerError} `unknownBackend` or `stopped`.
   */
  explain(key: BackendKey): BrokerExplanation {
    return this.#decisions.explain(this.#backends.findAny(key));
  }

  /**
   * Observes the broker's own charts: `backendLifecycle` of each process, `fdPressure`, and `handoffTransfer` of transfers that
   * begin while somebody observes, at most 32 at a time. The observer first gets every running actor (`@xstate.actor`,
   * `@xstate.snapshot`), then every event. `@xstate.actor` is repeated when a started process gets its process id into its
   * actor's `id`. If the observer throws or rejects, the broker emits the warning `listenerFailed`. For the charts of the
   * backends use `controller.inspect`; `createInspectionRelay` shows both.
   *
   * @returns a subscription; `unsubscribe` ends it.
   * @throws {TypeError} `observer` is neither a function nor an observer.
   * @throws {BrokerError} `stopped`.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    this.#backends.checkOpen();
    return this.#inspection.inspect(observer);
  }

  /**
   * Turns handoff on or off for a service, from the next client on.
   *
   * @param version one version; undefined for all.
   * @throws {TypeError | RangeError} an argument is invalid; the message names it and its value.
   * @throws {BrokerError} `unknownBackend`.
   */
  setServiceHandoff(name: string, version: string | undefined, isEnabled: boolean): void {
    requireText('name', name, 1, 256);
    if (version !== undefined) requireText('version', version, 1, 128);
    requireBoolean('isEnabled', isEnabled);
    for (const backend of this.#backends.ofService(name, version)) backend.handoffEnabled = isEnabled;
  }

  /**
   * Ends a backend's process and starts a new one. The successor of an adopted process gets handoffs again. An adopted process
   * is ended only if its identity is confirmed.
   *
   * @throws {BrokerError} `unknownBackend`, `stopped`, or `startFailed`; after `startFailed` the broker retries the start (the
   *   promise rejects).
   */
  async respawnBackend(key: BackendKey): Promise<void> {
    await this.#backends.find(key).respawn();
  }

  /**
   * Applies other options without dropping a connection. They may add and remove services, and change each service's `handoff`
   * and `ackDeadlineMs`, timeouts, bounds except `backlog`, `fdPressure` and `adjustInputs`. The backend of a removed service
   * first finishes its connections. `adopt` and `snapshot` are ignored. Resolves when the backends of new services accept
   * connections. If it rejects, the old options stay.
   *
   * @throws {TypeError | RangeError} as `createBroker` (the promise rejects).
   * @throws {BrokerError} `notReloadable`, `startFailed`, `pathTooLong` or `stopped` (the promise rejects).
   */
  reload(options: BrokerOptions): Promise<ReloadedServices> {
    const reloaded = this.#reloading.then(() => this.#reload(options));
    this.#reloading = reloaded.catch(() => {});
    return reloaded;
  }

  async #reload(options: BrokerOptions): Promise<ReloadedServices> {
    this.#backends.checkOpen();
    const next = checkBrokerOptions(options);
    const present = this.#options;
    requireReloadable(present, next, options);
    const started = await this.#backends.startNew(present.services, next);
    // These keep their present values if they aren't given.
    const { fdPressure, transport, clock, inspect } = present;
    this.#options = { ...next, clock, inspect, transport, fdPressure: options.fdPressure ?? fdPressure };
    return this.#backends.change(present.services, next, started);
  }

  /**
   * Stops accepting, waits for the transfers in flight (within their deadlines and `stopTimeoutMs`), then stops the backends or
   * leaves them running, and removes its socket files. Later calls return the first call's promise.
   *
   * @throws {TypeError | RangeError} an option is invalid or unknown (the promise rejects); nothing is stopped then.
   */
  stop(options: StopOptions = {}): Promise<StoppedBroker> {
    try {
      const backends = checkStopOptions(options);
      this.#stopped ??= this.#stop(backends);
      return this.#stopped;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #stop(then: 'stop' | 'leave'): Promise<StoppedBroker> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    this.#backends.close();
    this.#attempts.close();
    this.#gate.close();
    await this.#attempts.whenSettled(this.#options.stopTimeoutMs);
    const snapshot = this.#snapshot();
    const adopt = await this.#endBackends(then);
    this.#connections.destroyAll();
    await closed;
    this.#pressure.stop();
    await this.#state?.close();
    this.controller.dispose();
    // Removed only if empty: backends that were left running may have their sockets there.
    if (this.#options.endpointDirectory === undefined) removeEndpointDirectory(this.#endpointDirectory);
    return { adopt, snapshot };
  }

  async #endBackends(then: 'stop' | 'leave'): Promise<AdoptableBackend[]> {
    if (then === 'leave') return this.#backends.leave();
    process.on('exit', this.#killBackends);
    // After a failed start, the backends of an earlier broker stay running.
    await this.#backends.stop(this.#hasStarted ? 'all' : 'started');
    process.off('exit', this.#killBackends);
    return [];
  }

  /** If this process exits during a start or stop, it must not leave its backends behind. */
  readonly #killBackends = (): void => this.#backends.kill();

  /** Never throws: even if the controller can't be read, `stop` must clean up backends and sockets. */
  #snapshot(): PersistedHandoffSnapshot {
    try {
      return this.controller.getPersistedSnapshot();
    } catch (cause) {
      this.#reporter.warnOfFailure('internalError', "the controller's snapshot", cause);
      return new HandoffController().getPersistedSnapshot();
    }
  }
}
