import { EventEmitter } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { TransferOutcome } from '../../machines';
import type { ReconnectReason } from '../../machines/vocabulary';
import { backendDisplayName, backendKeyText, checkBackendId } from '../controller/BackendKey';
import { requireAnswer } from '../errors/callbackAnswer';
import { requireBoolean, requireText } from '../errors/invalidArgument';
import { onRejection } from '../errors/onRejection';
import { messageOf, showValue, stackOf } from '../errors/showValue';
import {
  type BackendKey,
  HandoffAttemptInputs,
  HandoffController,
  type HandoffControllerOptions,
  type InspectionObserver,
  type PersistedHandoffSnapshot,
} from '../index';
import { lingeringClose } from '../net/lingeringClose';
import { monotonicNow } from '../net/monotonicNow';
import { PeerConnections } from '../net/PeerConnections';
import { encodeFrame } from '../protocol/encodeFrame';
import { type BrokerClientErrorCode, encodeError } from '../protocol/errorCodes';
import type { FrameOf } from '../protocol/frame';
import { STAMP_ROUNDING_MS, stampOfNow } from '../protocol/stamp';
import { KNOWING_SLACK_MS } from '../protocol/wireLimits';
import { statusFrames } from './admin/statusFrames';
import { BrokerError } from './BrokerError';
import { adoptSurvivors } from './backends/adoptSurvivors';
import { type BackendTarget, ManagedBackend } from './backends/ManagedBackend';
import { guardTransport } from './channels/guardTransport';
import type { HandoffTransport } from './channels/HandoffTransport';
import { describeNoMatch, pickVersion } from './clients/pickVersion';
import { type HelloResult, readHello } from './clients/readHello';
import { checkPrivateDirectory, checkPrivateSocket } from './files/checkPrivatePath';
import { createEndpointDirectory, removeEndpointDirectory } from './files/endpointDirectory';
import { listenOnPath } from './files/listenOnPath';
import type { AdoptableBackend, AttemptRequest, BrokerOptions } from './options/BrokerOptions';
import { type CheckedBrokerOptions, checkBrokerOptions } from './options/checkBrokerOptions';
import { checkStopOptions, type StopOptions } from './options/checkStopOptions';
import { guardClock } from './options/guardClock';
import { requireReloadable } from './options/requireReloadable';
import { FdPressure } from './pressure/FdPressure';
import type { BrokerState } from './state/BrokerState';
import {
  type BrokerDecision,
  type BrokerExplanation,
  brokerFallback,
  explainWith,
  ownFallback,
} from './telemetry/BrokerDecision';
import type { BrokerEvents, BrokerWarning, BrokerWarningCode, TransferEvent } from './telemetry/BrokerEvents';
import { BrokerInspection } from './telemetry/BrokerInspection';
import type { BackendStatus, BrokerStats } from './telemetry/BrokerStatus';
import { ServiceCounts } from './telemetry/ServiceCounts';
import { Transfer } from './transfers/Transfer';
import type { TransferQueue } from './transfers/TransferQueue';
import type { TransferState } from './transfers/TransferTable';
import { TransferTokens } from './transfers/TransferTokens';

const UNAVAILABLE_RETRY_MS = 100;
const BUSY_RETRY_MS = 100;
// A client that was told an endpoint may not have connected to it yet.
const RECONNECT_GRACE_MS = 1000;
// How long a client's stamp may be on its way before the wait for its hello begins.
const ACCEPT_GRACE_MS = 1000;
// An older stamp could be too old for the backend when the handle arrives, which would count against it: half of the
// claims' default life.
const MAX_CLIENT_STAMP_AGE_MS = 30_000;

/** What a later broker needs to go on: its `adopt` and `snapshot` options. */
export interface StoppedBroker {
  /** Empty unless backends were left running. */
  readonly adopt: readonly AdoptableBackend[];
  /** What the controller knew. */
  readonly snapshot: PersistedHandoffSnapshot;
}

/** What `Broker.reload` changed; each name is `service@version`. */
export interface ReloadedServices {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

interface Request {
  readonly socket: Socket;
  readonly hello: FrameOf<'hello'>;
  readonly earlyData: Buffer;
  readonly canHandOff: boolean;
  /** One for all of the connection's routes, or its claim could outlive one and not the other. */
  readonly stamp: number;
  /** How old the stamp was when the `hello` was complete, in milliseconds: 0 if it's the broker's own. */
  readonly stampAgeMs: number;
  /** When the `hello` was complete: milliseconds, as `performance.now` has them. */
  readonly arrivedAt: number;
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
  readonly #backends = new Set<ManagedBackend>();
  readonly #services = new Map<string, Map<string, ManagedBackend>>();
  // Those too that a reload has taken away: they may come back, and their counts then go on.
  readonly #serviceCounts = new Map<string, ServiceCounts>();
  readonly #connections = new PeerConnections();
  readonly #fdPressure: FdPressure;
  // The embedder's own, kept from throwing.
  readonly #transport: HandoffTransport;
  readonly #inspection: BrokerInspection;
  readonly #counts = {
    connections: 0,
    handedOff: 0,
    reconnected: new Map<ReconnectReason, number>(),
    abandoned: 0,
    clientsLeft: 0,
    errors: new Map<BrokerClientErrorCode, number>(),
    lateAcks: 0,
    replayedAcks: 0,
    foreignAcks: 0,
    unknownAcks: 0,
    malformedAcks: 0,
  };
  readonly #tokens = new TransferTokens<TransferQueue>();
  // Warnings of the start, until somebody can have begun to listen.
  #earlyWarnings: BrokerEvents['warning'][0][] | undefined = [];
  #hasStarted = false;
  #reloading: Promise<unknown> = Promise.resolve();
  #transfers = 0;
  #onTransfersSettled: (() => void) | undefined;
  #stopped: Promise<StoppedBroker> | undefined;

  /** @internal */
  constructor(options: CheckedBrokerOptions, state: BrokerState | undefined) {
    super();
    this.#options = options;
    this.#state = state;
    this.socketPath = options.socketPath;
    this.instance = options.instance;
    const { clock, inspect } = options;
    this.#transport = guardTransport(options.transport, (method, cause) =>
      this.#warnOfFailure('transportFailed', method, cause),
    );
    this.#inspection = new BrokerInspection(inspect, (cause) =>
      this.#warnOfFailure('listenerFailed', 'inspect', cause),
    );
    const controllerOptions: HandoffControllerOptions = {
      policy: options.policy,
      clock: clock && guardClock(clock, (method, cause) => this.#warnOfFailure('clockFailed', method, cause)),
      inspect: this.#inspection.always,
      onObserverError: (cause) => this.#warnOfFailure('listenerFailed', "the controller's observer", cause),
    };
    const snapshot = options.snapshot ?? state?.snapshot;
    this.controller =
      snapshot === undefined
        ? new HandoffController(controllerOptions)
        : HandoffController.restore(snapshot, controllerOptions);
    this.#fdPressure = new FdPressure({
      connections: () => this.#connections.size,
      check: options.fdPressure,
      inspect: this.#inspection.ofActor,
    });
    this.#endpointDirectory =
      options.endpointDirectory ?? state?.endpointDirectory ?? createEndpointDirectory();
    this.#server = createServer({ allowHalfOpen: true }, (socket) =>
      this.#serve(socket, () => this.#onConnection(socket)),
    );
    for (const service of options.services) {
      const backend = this.#createBackend(service);
      this.#backends.add(backend);
      this.#offer(backend);
    }
    if (options.snapshot === undefined) this.#forgetOthers();
    if (state !== undefined) state.onWarning = (warning) => this.#warn(warning);
  }

  /**
   * Listens and starts the backends. On an error everything is cleaned up.
   *
   * @internal
   */
  async start(): Promise<void> {
    process.on('exit', this.#killBackends);
    try {
      const { stateDirectory } = this.#options;
      const directories = [dirname(this.socketPath), this.#endpointDirectory];
      if (stateDirectory !== undefined) directories.push(stateDirectory);
      const warnings = directories.flatMap((directory) => checkPrivateDirectory(directory));
      for (const message of new Set(warnings)) this.#warn({ code: 'groupWritable', message });
      // First, so that a second broker finds out before it starts a process.
      await listenOnPath(this.#server, this.socketPath, this.#options.backlog);
      checkPrivateSocket(this.socketPath);
      this.#server.on('error', (cause) => {
        this.#warn({ code: 'serverError', message: cause.message, cause });
      });
      this.#state?.watch(this.controller);
      await this.#adopt();
      const missing = [...this.#backends].filter((backend) => !backend.isAdopted);
      const starts = await Promise.allSettled(missing.map((backend) => backend.start()));
      for (const start of starts) {
        if (start.status === 'rejected') throw start.reason;
      }
      this.#hasStarted = true;
      const { limitation } = this.#transport;
      if (limitation !== undefined) this.#warn({ code: 'slowTransport', message: limitation });
      process.off('exit', this.#killBackends);
      setImmediate(() => {
        const warnings = this.#earlyWarnings ?? [];
        this.#earlyWarnings = undefined;
        for (const warning of warnings) this.#emit('warning', warning);
      });
    } catch (error) {
      process.off('exit', this.#killBackends);
      await this.stop();
      throw error;
    }
  }

  /** Services come and go between one broker and the next; nobody would ever ask for these again. */
  #forgetOthers(): void {
    for (const backend of [...this.controller.backends()]) {
      const isOurs =
        typeof backend !== 'string' &&
        backend.instance === this.#options.instance &&
        this.#services.get(backend.serviceName)?.has(backend.serviceVersion) === true;
      if (!isOurs) this.controller.forget(backend);
    }
  }

  /** Every backend as it is now. Empty once the broker has stopped. */
  backends(): BackendStatus[] {
    if (this.#stopped !== undefined) return [];
    return [...this.#backends].map((backend) => this.#statusOf(backend));
  }

  #statusOf(backend: ManagedBackend): BackendStatus {
    const window = backend.handle.windowOf();
    return {
      backend: backend.key,
      pid: backend.pid,
      process: backend.state,
      state: backend.handle.stateOf(),
      endpoint: backend.endpoint,
      adopted: backend.isAdopted,
      ...(window && { window }),
      handoffEnabled: backend.handoffEnabled,
      attempts: backend.counts.attempts,
      inFlight: backend.queue?.size ?? 0,
      queued: backend.queue?.waiting ?? 0,
      routes: {
        handedOff: backend.counts.handedOff,
        reconnected: Object.fromEntries(backend.counts.reconnected),
      },
    };
  }

  /**
   * What a later broker would need to adopt the processes that take connections now. To survive a broker's sudden end give
   * it a `stateDirectory`, or store this; `backendReady` tells when it has changed.
   */
  adoptableBackends(): AdoptableBackend[] {
    return [...this.#backends].map((backend) => backend.adoptable).filter((each) => each !== undefined);
  }

  /** What the transport can't do here, and what that costs; undefined if nothing is wrong. */
  get limitation(): string | undefined {
    return this.#transport.limitation;
  }

  /** Counts since the start; they stay when the broker has stopped. */
  stats(): BrokerStats {
    return {
      ...this.#counts,
      reconnected: Object.fromEntries(this.#counts.reconnected),
      errors: Object.fromEntries(this.#counts.errors),
    };
  }

  /**
   * The counts of every service that there has been since the start; they stay when the broker has stopped.
   *
   * @internal
   */
  serviceCounts(): readonly ServiceCounts[] {
    return [...this.#serviceCounts.values()];
  }

  #countsOf(key: BackendKey): ServiceCounts {
    const text = backendKeyText(key);
    const counts = this.#serviceCounts.get(text) ?? new ServiceCounts(key);
    this.#serviceCounts.set(text, counts);
    return counts;
  }

  /**
   * How the next request of a client that can be handed over would be answered, and why. Changes nothing. What
   * `adjustInputs` would add is left out: it's asked about requests that there are. A backend that retires is answered for
   * too, though no request comes to it.
   *
   * @throws {BrokerError} `unknownBackend` or `stopped`.
   */
  explain(key: BackendKey): BrokerExplanation {
    const backend = this.#offered(key) ?? this.#retiring(key);
    if (backend === undefined) throw unknownBackend(key);
    const inputs = this.#check(backend, () => this.#usualInputs(true, backend));
    const own = ownFallback(inputs, this.#transport.supported);
    return explainWith(own, backend.handle.explain(inputs ?? HandoffAttemptInputs.enabled()));
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
    this.#checkNotStopped();
    return this.#inspection.inspect(observer);
  }

  #usualInputs(clientSupportsHandoff: boolean, backend: ManagedBackend): HandoffAttemptInputs {
    return HandoffAttemptInputs.of(
      clientSupportsHandoff,
      backend.handoffEnabled,
      this.#fdPressure.isPressured,
    );
  }

  /** Undefined if a check of the embedder fails, which is no client's error: the client reconnects. */
  #check<T>(backend: ManagedBackend, check: () => T): T | undefined {
    try {
      return check();
    } catch (cause) {
      this.#warnOfFailure('checkFailed', 'a check of the embedder', cause, backend.key);
      return undefined;
    }
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
    const versions = this.#services.get(name);
    const backends = version === undefined ? [...(versions?.values() ?? [])] : [versions?.get(version)];
    if (backends.length === 0 || backends.includes(undefined)) {
      throw new BrokerError(
        'unknownBackend',
        `there is no service ${showValue(version === undefined ? name : `${name}@${version}`)}`,
      );
    }
    for (const backend of backends) {
      if (backend !== undefined) backend.handoffEnabled = isEnabled;
    }
  }

  /**
   * Ends a backend's process and starts a new one, to which connections can be handed if it's the adopted ones' successor.
   * An adopted process is ended only if it proves to be the one that was adopted.
   *
   * @throws {BrokerError} `unknownBackend`, `stopped`, or `startFailed`; then it is tried again (the promise rejects).
   */
  async respawnBackend(key: BackendKey): Promise<void> {
    await this.#find(key).respawn();
  }

  #find(key: BackendKey): ManagedBackend {
    const backend = this.#offered(key);
    if (backend === undefined) throw unknownBackend(key);
    return backend;
  }

  #offered(key: BackendKey): ManagedBackend | undefined {
    this.#checkNotStopped();
    checkBackendId(key);
    const isOurs = key.instance === this.#options.instance;
    return isOurs ? this.#services.get(key.serviceName)?.get(key.serviceVersion) : undefined;
  }

  #retiring({ instance, serviceName, serviceVersion }: BackendKey): ManagedBackend | undefined {
    return [...this.#backends].find(
      ({ key }) =>
        key.instance === instance && key.serviceName === serviceName && key.serviceVersion === serviceVersion,
    );
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
    this.#checkNotStopped();
    const next = checkBrokerOptions(options);
    requireReloadable(this.#options, next, options);
    const isIn = (
      list: CheckedBrokerOptions['services'],
      { name, version }: { name: string; version: string },
    ) => list.some((each) => each.name === name && each.version === version);
    const added = next.services.filter((service) => !isIn(this.#options.services, service));
    const removed = this.#options.services.filter((service) => !isIn(next.services, service));
    const backends = added.map((service) => this.#createBackend(service, next));
    for (const backend of backends) this.#backends.add(backend);
    try {
      await Promise.all(backends.map((backend) => backend.start()));
      this.#checkNotStopped();
    } catch (error) {
      await Promise.all(backends.map((backend) => backend.stop()));
      for (const backend of backends) this.#discard(backend);
      throw error;
    }
    // What the embedder didn't give goes on as it was.
    const { fdPressure, transport, clock, inspect } = this.#options;
    this.#options = { ...next, clock, inspect, transport, fdPressure: options.fdPressure ?? fdPressure };
    for (const service of next.services) {
      this.#services.get(service.name)?.get(service.version)?.reconfigure(service, next);
    }
    for (const backend of backends) this.#offer(backend);
    for (const { name, version } of removed) this.#retire(name, version);
    const nameOf = ({ name, version }: { name: string; version: string }): string => `${name}@${version}`;
    return { added: added.map(nameOf), removed: removed.map(nameOf) };
  }

  #offer(backend: ManagedBackend): void {
    const { name, version } = backend.service;
    const versions = this.#services.get(name) ?? new Map<string, ManagedBackend>();
    versions.set(version, backend);
    this.#services.set(name, versions);
  }

  #retire(name: string, version: string): void {
    const versions = this.#services.get(name);
    const backend = versions?.get(version);
    if (versions === undefined || backend === undefined) return;
    versions.delete(version);
    if (versions.size === 0) this.#services.delete(name);
    backend
      .retire(backend.service.ackDeadlineMs + RECONNECT_GRACE_MS)
      .then(() => this.#discard(backend))
      .catch((cause: unknown) =>
        this.#warnOfFailure('internalError', 'the end of a retired backend', cause, backend.key),
      );
  }

  #discard(backend: ManagedBackend): void {
    this.#backends.delete(backend);
    if (this.#stopped !== undefined) return;
    const { serviceName, serviceVersion } = backend.key;
    if (this.#services.get(serviceName)?.has(serviceVersion) !== true) backend.handle.forget();
  }

  #checkNotStopped(): void {
    if (this.#stopped !== undefined) throw new BrokerError('stopped', 'the broker is stopped');
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

  async #stop(backends: 'stop' | 'leave'): Promise<StoppedBroker> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    for (const socket of this.#connections.stopWaiting()) {
      this.#sendError(socket, 'stopping', 'the broker is stopping');
    }
    await this.#waitForTransfers();
    const snapshot = this.#snapshot();
    const managed = [...this.#backends];
    const adopt: AdoptableBackend[] = [];
    if (backends === 'stop') process.on('exit', this.#killBackends);
    if (backends === 'leave') {
      for (const left of await Promise.all(managed.map((backend) => backend.leave()))) {
        if (left !== undefined) adopt.push(left);
      }
    } else {
      // A start that fails is no reason to end what an earlier broker started.
      const isLeft = (backend: ManagedBackend): boolean => backend.isAdopted && !this.#hasStarted;
      await Promise.all(managed.map((backend) => (isLeft(backend) ? backend.leave() : backend.stop())));
    }
    process.off('exit', this.#killBackends);
    this.#connections.destroyAll();
    await closed;
    this.#fdPressure.stop();
    await this.#state?.close();
    this.controller.dispose();
    // Backends that were left running may have their sockets there.
    if (this.#options.endpointDirectory === undefined) removeEndpointDirectory(this.#endpointDirectory);
    return { adopt, snapshot };
  }

  /** A process that ends in the middle of a start or a stop must leave none behind that it has started. */
  readonly #killBackends = (): void => {
    for (const backend of this.#backends) backend.kill();
  };

  /** Whatever became of the controller, backends and sockets must not be left behind. */
  #snapshot(): PersistedHandoffSnapshot {
    try {
      return this.controller.getPersistedSnapshot();
    } catch (cause) {
      this.#warnOfFailure('internalError', "the controller's snapshot", cause);
      return new HandoffController().getPersistedSnapshot();
    }
  }

  #waitForTransfers(): Promise<void> {
    if (this.#transfers === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.stopTimeoutMs);
      this.#onTransfersSettled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #createBackend(service: CheckedBrokerOptions['services'][number], options = this.#options): ManagedBackend {
    const key: BackendKey = Object.freeze({
      instance: this.#options.instance,
      serviceName: service.name,
      serviceVersion: service.version,
    });
    // Who watches the charts sees it before its first client, or though its policy never lets a request reach the chart's end.
    const handle = this.controller.backend(key);
    handle.hold();
    return new ManagedBackend({
      key,
      handle,
      service,
      counts: this.#countsOf(key),
      endpointDirectory: this.#endpointDirectory,
      stateDirectory: this.#state?.directory,
      startTimeoutMs: options.startTimeoutMs,
      stopTimeoutMs: options.stopTimeoutMs,
      onReady: (event) => this.#emit('backendReady', event),
      onExit: (event) => this.#emit('backendExit', event),
      onWarning: (warning) => this.#warn(warning),
      onSpawned: () => this.#tellController(key, () => handle.markSpawned()),
      onAdopted: () => this.#tellController(key, () => handle.markAdopted()),
      onRefusedAnswer: (why) => {
        this.#counts[`${why}Acks`] += 1;
      },
      onDescriptorShortage: () => this.#fdPressure.declare(),
      transport: this.#transport,
      tokens: this.#tokens,
      onStarting: (identity) => this.#state?.add(identity),
      onStarted: (backend) => this.#state?.complete(backend),
      onGone: (backend) => this.#state?.remove(backend),
      inspect: this.#inspection.ofActor,
    });
  }

  /** Goes on with what earlier brokers have left, and puts an end to what nobody needs. */
  async #adopt(): Promise<void> {
    const { adopt: given, startTimeoutMs, stopTimeoutMs } = this.#options;
    const adopted = await adoptSurvivors({
      given,
      survivors: this.#state?.survivors ?? [],
      startTimeoutMs,
      stopTimeoutMs,
      backendOf: ({ serviceName, serviceVersion }) => this.#services.get(serviceName)?.get(serviceVersion),
      onRefused: (name, why, cause, backend) =>
        this.#warn({
          code: 'adoptionRefused',
          message: `${name} is not adopted: ${why}`,
          ...(cause === undefined ? {} : { cause }),
          ...(backend === undefined ? {} : { backend }),
        }),
    });
    this.#state?.keep(adopted);
    await this.#state?.removeDeadEndpoints();
  }

  #onConnection(socket: Socket): void {
    this.#counts.connections += 1;
    socket.on('error', () => {});
    socket.once('close', () => this.#connections.delete(socket));
    const bound = Math.min(this.#options.maxConnections, this.#fdPressure.maxConnections);
    if (this.#connections.size >= bound) {
      const evicted = this.#connections.evict();
      if (evicted === undefined || evicted.wasWaiting) this.#turnAway(evicted?.socket ?? socket);
      else evicted.socket.destroy();
      if (evicted === undefined) return;
    }
    this.#connections.add(
      socket,
      readHello(socket, this.#options.helloTimeoutMs, (result) =>
        this.#serve(socket, () => this.#onHello(socket, result)),
      ),
    );
  }

  /** Does what a client's socket or timer asks for: whatever goes wrong with it ends this client's connection alone. */
  #serve(socket: Socket, work: () => void): void {
    try {
      work();
    } catch (cause) {
      socket.destroy();
      this.#warnOfFailure('internalError', 'a connection', cause);
    }
  }

  /** Says `busy` and closes at once: a connection over the bound must not keep a descriptor while it is waited for. */
  #turnAway(socket: Socket): void {
    increment(this.#counts.errors, 'busy');
    socket.write(encodeError('busy', 'too many connections', BUSY_RETRY_MS));
    socket.destroy();
  }

  #onHello(socket: Socket, result: HelloResult): void {
    this.#connections.settle(socket);
    switch (result.type) {
      case 'hello': {
        const { knows } = result.hello;
        const stamp = knows?.stamp ?? stampOfNow();
        const stampAgeMs = knows === undefined ? 0 : monotonicNow() - stamp;
        this.#route({ socket, ...result, stamp, stampAgeMs, arrivedAt: performance.now() });
        return;
      }
      case 'status':
        lingeringClose(socket, statusFrames(this));
        return;
      case 'invalid':
        this.#sendError(socket, result.error.code, result.error.message);
        return;
      case 'timeout':
        this.#sendError(socket, 'helloTimeout', 'no complete hello came in time');
        return;
      case 'left':
        this.#counts.clientsLeft += 1;
        socket.destroy();
        return;
    }
  }

  #route(request: Request): void {
    const { socket, hello } = request;
    const versions = this.#services.get(hello.service);
    if (versions === undefined) {
      this.#sendError(socket, 'unknownService', `there is no service ${hello.service}`);
      return;
    }
    const version = pickVersion(versions.keys(), hello.version);
    if (version === 'badVersion') {
      this.#sendError(socket, 'badVersion', `${hello.version} is no semantic version or range`);
      return;
    }
    const backend = version === undefined ? undefined : versions.get(version);
    if (backend === undefined) {
      const message = describeNoMatch(hello.service, versions.keys(), hello.version);
      this.#sendError(socket, 'noMatchingVersion', message);
      return;
    }
    const { target } = backend;
    if (target === undefined) {
      const message = `${hello.service}@${version} is ${backend.state}`;
      this.#sendError(socket, 'backendUnavailable', message, UNAVAILABLE_RETRY_MS);
      return;
    }
    if (!this.#isAsKnown(request, target)) {
      // Before the controller is asked: nothing of this is the backend's doing.
      const message = `${hello.service}@${version} is another process, or the stamp is not of now`;
      this.#sendError(socket, 'staleBackend', message);
      return;
    }
    const decision = this.#decide(request, backend);
    if (decision.type === 'attempt') {
      backend.counts.attempts += 1;
      this.#attempt(request, backend, target);
    } else {
      this.#reconnect(request, backend, target, decision.reason, decision.retryAfterMs);
    }
  }

  /** A client that knows a process may be at its endpoint already, so its connection leads there or nowhere. */
  #isAsKnown({ hello: { knows }, stampAgeMs }: Request, { identity }: BackendTarget): boolean {
    if (knows === undefined) return true;
    const maxAgeMs = Math.min(this.#options.helloTimeoutMs + ACCEPT_GRACE_MS, MAX_CLIENT_STAMP_AGE_MS);
    return knows.backend === identity.backend && stampAgeMs >= -STAMP_ROUNDING_MS && stampAgeMs <= maxAgeMs;
  }

  #decide(request: Request, backend: ManagedBackend): BrokerDecision {
    const inputs = this.#check(backend, () => this.#inputsOf(request, backend));
    if (inputs === undefined) return brokerFallback('checkFailed');
    return (
      ownFallback(inputs, request.canHandOff && this.#transport.supported) ??
      this.#tellController(backend.key, () => backend.handle.shouldAttempt(inputs)) ??
      brokerFallback('checkFailed')
    );
  }

  /** Undefined if the controller can't be told, since the embedder disposed it or calls from one of its observers. */
  #tellController<T>(key: BackendKey, tell: () => T): T | undefined {
    try {
      return tell();
    } catch (cause) {
      this.#warnOfFailure('internalError', 'the controller', cause, key);
      return undefined;
    }
  }

  #inputsOf({ hello, earlyData }: Request, backend: ManagedBackend): HandoffAttemptInputs {
    const { adjustInputs } = this.#options;
    const inputs = this.#usualInputs(hello.handoff, backend);
    if (adjustInputs === undefined) return inputs;
    const request: AttemptRequest = {
      backend: backend.key,
      connectionId: hello.id,
      requestedVersion: hello.version,
      earlyDataBytes: earlyData.length,
    };
    return requireAnswer('adjustInputs', adjustInputs(inputs, request), isInputs, 'HandoffAttemptInputs');
  }

  #attempt(request: Request, backend: ManagedBackend, target: BackendTarget): void {
    const { queue, identity } = target;
    const { socket, hello, earlyData, stamp, stampAgeMs } = request;
    const { maxTransfers, maxTransfersPerBackend } = this.#options;
    if (
      queue === undefined ||
      this.#transfers >= maxTransfers ||
      queue.size >= maxTransfersPerBackend ||
      this.#stopped !== undefined
    ) {
      this.#tellController(backend.key, () => backend.handle.recordAbandonedAttempt());
      this.#counts.abandoned += 1;
      this.#reconnect(request, backend, target, 'transferLimit');
      return;
    }
    const issuedAt = performance.now();
    this.#transfers += 1;
    queue.add(
      new Transfer({
        socket,
        connectionId: hello.id,
        stamp,
        clientKnows: hello.knows !== undefined && stampAgeMs <= KNOWING_SLACK_MS,
        earlyData,
        traceparent: hello.traceparent,
        backend: identity.backend,
        endpoint: identity.endpoint,
        deadlineMs: backend.service.ackDeadlineMs,
        inspect: this.#inspection.ofNextTransfer,
        onState: (state, failure) => this.#tellTransfer(hello, backend, state, issuedAt, failure),
        onOutcome: (outcome) => {
          this.#serve(socket, () => this.#record(request, backend, target, outcome));
          this.#transfers -= 1;
          if (this.#transfers === 0) this.#onTransfersSettled?.();
        },
      }),
    );
  }

  #tellTransfer(
    { id: connectionId, traceparent }: FrameOf<'hello'>,
    backend: ManagedBackend,
    state: TransferState,
    issuedAt: number,
    failure: TransferEvent['failure'],
  ): void {
    if (this.listenerCount('transfer') === 0) return;
    this.#emit('transfer', {
      connectionId,
      backend: backend.key,
      state,
      elapsedMs: performance.now() - issuedAt,
      ...(failure === undefined ? {} : { failure }),
      ...(traceparent === undefined ? {} : { traceparent }),
    });
  }

  #record(request: Request, backend: ManagedBackend, target: BackendTarget, outcome: TransferOutcome): void {
    const { key, handle } = backend;
    switch (outcome.type) {
      case 'acknowledged':
        this.#tellController(key, () => handle.recordSuccess());
        this.#countRoute(request, backend, 'handedOff');
        return;
      case 'failed': {
        const decision = this.#tellController(key, () => handle.recordFailedAttempt(outcome.failure));
        const reason = decision?.type === 'fallbackToReconnect' ? decision.reason : outcome.failure;
        if (outcome.mayWrite) this.#reconnect(request, backend, target, reason);
        else this.#countRoute(request, backend, reason);
        return;
      }
      case 'abandoned':
        this.#tellController(key, () => handle.recordAbandonedAttempt());
        this.#counts.abandoned += 1;
        if (outcome.cause === 'outOfDescriptors') this.#fdPressure.declare();
        if (outcome.mayWrite) this.#reconnect(request, backend, target, outcome.reason);
        else this.#counts.clientsLeft += 1;
        return;
    }
  }

  #reconnect(
    request: Request,
    backend: ManagedBackend,
    { identity }: BackendTarget,
    reason: ReconnectReason,
    retryAfterMs?: number,
  ): void {
    this.#countRoute(request, backend, reason, retryAfterMs);
    this.#connections.end(request.socket);
    lingeringClose(
      request.socket,
      encodeFrame({
        type: 'reconnect',
        reason,
        backend: identity.backend,
        endpoint: identity.endpoint,
        stamp: request.stamp,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      }),
    );
  }

  #countRoute(
    { hello, earlyData, arrivedAt }: Request,
    backend: ManagedBackend,
    way: 'handedOff' | ReconnectReason,
    retryAfterMs?: number,
  ): void {
    backend.counts.countRoute(way);
    if (way === 'handedOff') this.#counts.handedOff += 1;
    else increment(this.#counts.reconnected, way);
    const facts = {
      connectionId: hello.id,
      backend: backend.key,
      earlyDataBytes: earlyData.length,
      elapsedMs: performance.now() - arrivedAt,
      ...(hello.traceparent === undefined ? {} : { traceparent: hello.traceparent }),
    };
    if (way === 'handedOff') {
      this.#emit('route', { ...facts, route: 'handedOff' });
    } else {
      this.#emit('route', {
        ...facts,
        route: 'reconnected',
        reason: way,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    }
  }

  #sendError(socket: Socket, code: BrokerClientErrorCode, message: string, retryAfterMs?: number): void {
    increment(this.#counts.errors, code);
    this.#connections.end(socket);
    lingeringClose(socket, encodeError(code, message, retryAfterMs));
  }

  #warn(warning: BrokerEvents['warning'][0]): void {
    if (this.#earlyWarnings === undefined) this.#emit('warning', warning);
    else this.#earlyWarnings.push(warning);
  }

  /** Something of the embedder's failed, or of ours: a failure that nobody listens for must not go unseen either. */
  #warnOfFailure(code: BrokerWarningCode, what: string, cause: unknown, backend?: BackendKey): void {
    const warning = {
      code,
      message: `${what} failed: ${messageOf(cause)}`,
      cause,
      ...(backend === undefined ? {} : { backend }),
    };
    if (this.#earlyWarnings === undefined && this.listenerCount('warning') === 0) printWarning(warning);
    else this.#warn(warning);
  }

  /** Each listener by itself, since `emit` would leave those out that come behind one that throws. */
  #emit<K extends keyof BrokerEvents>(event: K, argument: BrokerEvents[K][0]): void {
    for (const listener of this.rawListeners(event)) {
      try {
        // The map of events says so, which TypeScript can't follow through the index.
        const returned = (listener as (argument: BrokerEvents[K][0]) => unknown).call(this, argument);
        onRejection(returned, (cause) => this.#onListenerFailed(event, cause));
      } catch (cause) {
        this.#onListenerFailed(event, cause);
      }
    }
  }

  #onListenerFailed(event: keyof BrokerEvents, cause: unknown): void {
    const what = `a listener of the event ${event}`;
    if (event !== 'warning') this.#warnOfFailure('listenerFailed', what, cause);
    else printWarning({ code: 'listenerFailed', message: `${what} failed: ${messageOf(cause)}`, cause });
  }
}

function printWarning({ code, message, cause }: Pick<BrokerWarning, 'code' | 'message' | 'cause'>): void {
  const detail = stackOf(cause);
  process.emitWarning(message, { type: 'HandoffBrokerWarning', code, ...(detail && { detail }) });
}

function unknownBackend(key: BackendKey): BrokerError {
  return new BrokerError('unknownBackend', `there is no backend ${showValue(backendDisplayName(key))}`);
}

function isInputs(value: unknown): value is HandoffAttemptInputs {
  if (typeof value !== 'object' || value === null) return false;
  const inputs = value as Partial<Record<keyof HandoffAttemptInputs, unknown>>;
  return (
    typeof inputs.clientSupportsHandoff === 'boolean' &&
    typeof inputs.servicePolicyEnabled === 'boolean' &&
    typeof inputs.fdPressureDisabled === 'boolean' &&
    (inputs.backendAdoptedExisting === undefined || typeof inputs.backendAdoptedExisting === 'boolean')
  );
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
