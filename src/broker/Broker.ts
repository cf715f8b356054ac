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

/** What a later broker needs to go on: its `adopt` and `snapshot` options. */
export interface StoppedBroker {
  /** Empty unless backends were left running. */
  readonly adopt: readonly AdoptableBackend[];
  /** What the controller knew. */
  readonly snapshot: PersistedHandoffSnapshot;
}

/**
 * Brings clients to backends. Make one with `createBroker`. Its events are those of `BrokerEvents`. What a listener throws,
 * or rejects with, is told as a warning `listenerFailed`, and keeps neither the broker nor the other listeners from their
 * work. What a listener of `warning` throws goes to `process.emitWarning`, and so does a failure in the embedder's code that
 * nobody listens for.
 */
export class Broker extends EventEmitter<BrokerEvents> {
  /** Decides about handoff. It's disposed when the broker has stopped. */
  readonly controller: HandoffController;
  /** Path of the socket that clients connect to. */
  readonly socketPath: string;
  /** Its name among the brokers of this host. */
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
  // The embedder's own, kept from throwing.
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
   * Listens and starts the backends. On an error everything is cleaned up.
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
    // First, so that a second broker finds out before it starts a process.
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

  /** Every backend as it is now. Empty once the broker has stopped. */
  backends(): BackendStatus[] {
    if (this.#stopped !== undefined) return [];
    return [...this.#backends].map(backendStatus);
  }

  /**
   * What a later broker would need to adopt the processes that take connections now. To survive a broker's sudden end give
   * it a `stateDirectory`, or store this; `backendReady` tells when it has changed.
   */
  adoptableBackends(): AdoptableBackend[] {
    return this.#backends.adoptable();
  }

  /** What the transport can't do here, and what that costs; undefined if nothing is wrong. */
  get limitation(): string | undefined {
    return this.#transport.limitation;
  }

  /** Counts since the start; they stay when the broker has stopped. */
  stats(): BrokerStats {
    return this.#counts.stats();
  }

  /**
   * The counts of every service that there has been since the start; they stay when the broker has stopped.
   *
   * @internal
   */
  serviceCounts(): readonly ServiceCounts[] {
    return this.#counts.services();
  }

  /**
   * How the next request of a client that can be handed over would be answered, and why. Changes nothing. What
   * `adjustInputs` would add is left out: it's asked about requests that there are. A backend that retires is answered for
   * too, though no request comes to it.
   *
   * @throws {BrokerError} `unknownBackend` or `stopped`.
   */
  explain(key: BackendKey): BrokerExplanation {
    return this.#decisions.explain(this.#backends.findAny(key));
  }

  /**
   * Tells the observer of the charts beside the controller's: `backendLifecycle` of each process, `fdPressure`, and
   * `handoffTransfer` of transfers that begin while anybody watches, at most 32 at a time. First it's told of every actor
   * that lives (`@xstate.actor`, `@xstate.snapshot`), then of all that happens; `@xstate.actor` comes again when a process
   * that has started gets its process id into its actor's `id`. What the observer throws, or rejects with, is told as a
   * warning `listenerFailed`. The backends' own charts: `controller.inspect`. `createInspectionRelay` shows both.
   *
   * @returns ends that.
   * @throws {TypeError} if it's no observer.
   * @throws {BrokerError} `stopped`.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    this.#backends.checkOpen();
    return this.#inspection.inspect(observer);
  }

  /**
   * Changes a service's policy, from the next client on.
   *
   * @param version one version, or undefined for all.
   * @throws {TypeError | RangeError} with the argument's name and value.
   * @throws {BrokerError} `unknownBackend`.
   */
  setServiceHandoff(name: string, version: string | undefined, isEnabled: boolean): void {
    requireText('name', name, 1, 256);
    if (version !== undefined) requireText('version', version, 1, 128);
    requireBoolean('isEnabled', isEnabled);
    for (const backend of this.#backends.ofService(name, version)) backend.handoffEnabled = isEnabled;
  }

  /**
   * Ends a backend's process and starts a new one, to which connections can be handed if it's the adopted ones' successor.
   * An adopted process is ended only if it proves to be the one that was adopted.
   *
   * @throws {BrokerError} `unknownBackend`, `stopped`, or `startFailed`; then it is tried again (the promise rejects).
   */
  async respawnBackend(key: BackendKey): Promise<void> {
    await this.#backends.find(key).respawn();
  }

  /**
   * Goes on with other options, without dropping a connection. What can change: services that are new or gone, each one's
   * `handoff` and `ackDeadlineMs`, timeouts and bounds, `fdPressure`, `adjustInputs`. The backend of a service that is gone
   * brings its connections to an end first. `adopt` and `snapshot` are for a start and don't count. Resolves when the
   * backends of new services take connections; if it rejects, the old options stay.
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
    // What the embedder didn't give goes on as it was.
    const { fdPressure, transport, clock, inspect } = present;
    this.#options = { ...next, clock, inspect, transport, fdPressure: options.fdPressure ?? fdPressure };
    return this.#backends.change(present.services, next, started);
  }

  /**
   * Stops accepting, lets the transfers in flight end (within their deadlines and `stopTimeoutMs`), then stops the
   * backends or leaves them, and removes its socket files. A second call gets the first one's promise.
   *
   * @throws {TypeError | RangeError} an option is bad or isn't known (the promise rejects); nothing is stopped then.
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
    // Backends that were left running may have their sockets there.
    if (this.#options.endpointDirectory === undefined) removeEndpointDirectory(this.#endpointDirectory);
    return { adopt, snapshot };
  }

  async #endBackends(then: 'stop' | 'leave'): Promise<AdoptableBackend[]> {
    if (then === 'leave') return this.#backends.leave();
    process.on('exit', this.#killBackends);
    // A start that fails is no reason to end what an earlier broker started.
    await this.#backends.stop(this.#hasStarted ? 'all' : 'started');
    process.off('exit', this.#killBackends);
    return [];
  }

  /** A process that ends in the middle of a start or a stop must leave none behind that it has started. */
  readonly #killBackends = (): void => this.#backends.kill();

  /** Whatever became of the controller, backends and sockets must not be left behind. */
  #snapshot(): PersistedHandoffSnapshot {
    try {
      return this.controller.getPersistedSnapshot();
    } catch (cause) {
      this.#reporter.warnOfFailure('internalError', "the controller's snapshot", cause);
      return new HandoffController().getPersistedSnapshot();
    }
  }
}
