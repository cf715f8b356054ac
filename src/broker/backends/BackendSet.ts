import { backendDisplayName, checkBackendId, replicaName } from '../../controller/BackendKey';
import { showValue } from '../../errors/showValue';
import type { BackendKey, HandoffController } from '../../index';
import { BrokerError } from '../BrokerError';
import type { AdoptableBackend } from '../options/BrokerOptions';
import type { CheckedBrokerOptions, CheckedService } from '../options/checkBrokerOptions';
import { type AdoptionOptions, adoptSurvivors } from './adoptSurvivors';
import type { ProcessTimeouts } from './BackendLife';
import { ManagedBackend, type SharedByBackends } from './ManagedBackend';
import type { SharedByLinks } from './ProcessLink';
import { Replicas } from './Replicas';

// For clients that got the endpoint but haven't connected to it yet.
const RECONNECT_GRACE_MS = 1000;

/** What `Broker.reload` changed; each name is `service@version`, or `service@version#2` for a further replica. */
export interface ReloadedServices {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Options of {@link BackendSet}. */
export interface BackendSetOptions extends SharedByBackends {
  readonly instance: string;
  readonly controller: HandoffController;
}

type Services = CheckedBrokerOptions['services'];

/** A broker's backends: those offered to clients, by service and version, and those that start or retire. */
export class BackendSet {
  readonly #options: BackendSetOptions;
  readonly #all = new Set<ManagedBackend>();
  readonly #offered = new Map<string, Map<string, Replicas>>();
  #isClosed = false;

  constructor(options: BackendSetOptions) {
    this.#options = options;
  }

  [Symbol.iterator](): Iterator<ManagedBackend> {
    return this.#all.values();
  }

  /** The offered backends of a service by version; undefined if there are none. */
  versionsOf(service: string): ReadonlyMap<string, Replicas> | undefined {
    return this.#offered.get(service);
  }

  /**
   * An offered backend.
   *
   * @throws {BrokerError} `unknownBackend` or `stopped`.
   */
  find(key: BackendKey): ManagedBackend {
    const backend = this.#offeredBy(key);
    if (backend === undefined) throw unknownBackend(key);
    return backend;
  }

  /**
   * An offered backend, or one that retires.
   *
   * @throws {BrokerError} `unknownBackend` or `stopped`.
   */
  findAny(key: BackendKey): ManagedBackend {
    const backend = this.#offeredBy(key) ?? [...this.#all].find((each) => isSameKey(each.key, key));
    if (backend === undefined) throw unknownBackend(key);
    return backend;
  }

  #offeredBy(key: BackendKey): ManagedBackend | undefined {
    this.checkOpen();
    checkBackendId(key);
    const isOurs = key.instance === this.#options.instance;
    return isOurs ? this.#replicasOf(key)?.find(key.replica) : undefined;
  }

  #replicasOf({
    serviceName,
    serviceVersion,
  }: Pick<BackendKey, 'serviceName' | 'serviceVersion'>): Replicas | undefined {
    return this.#offered.get(serviceName)?.get(serviceVersion);
  }

  /**
   * Offered backends of a service.
   *
   * @param version one version, or undefined for all.
   * @throws {BrokerError} `unknownBackend`.
   */
  ofService(name: string, version: string | undefined): readonly ManagedBackend[] {
    const versions = this.#offered.get(name);
    const replicas = version === undefined ? [...(versions?.values() ?? [])] : [versions?.get(version)];
    const found = replicas.flatMap((each) => (each === undefined ? [] : [...each]));
    if (found.length > 0) return found;
    const text = version === undefined ? name : `${name}@${version}`;
    throw new BrokerError('unknownBackend', `there is no service ${showValue(text)}`);
  }

  /** The processes that accept connections now, for a later broker to adopt. */
  adoptable(): AdoptableBackend[] {
    return [...this.#all].map((backend) => backend.adoptable).filter((each) => each !== undefined);
  }

  /** Adds the backends of a starting broker; they are offered before they are started. */
  addOffered(services: Services, timeouts: ProcessTimeouts): void {
    for (const { service, replica } of placesOf(services)) {
      const backend = this.#create(service, replica, timeouts);
      this.#all.add(backend);
      this.#offer(backend);
    }
  }

  /** Makes the controller forget restored backends that this broker doesn't have. */
  forgetOthers(): void {
    const { controller, instance } = this.#options;
    for (const backend of [...controller.backends()]) {
      const isOurs =
        typeof backend !== 'string' &&
        backend.instance === instance &&
        this.#replicasOf(backend)?.find(backend.replica) !== undefined;
      if (!isOurs) controller.forget(backend);
    }
  }

  /**
   * Adopts the processes of earlier brokers and ends those that aren't needed.
   *
   * @returns the processes to keep recorded.
   */
  adopt(
    options: Omit<AdoptionOptions, keyof SharedByLinks | 'candidatesFor' | 'onRefused'>,
  ): Promise<AdoptableBackend[]> {
    const { transport, tokens } = this.#options;
    return adoptSurvivors({
      ...options,
      transport,
      tokens,
      candidatesFor: (adoptable) => this.#candidatesFor(adoptable),
      onRefused: (name, why, cause, backend) =>
        this.#options.reporter.warn({
          code: 'adoptionRefused',
          message: `${name} is not adopted: ${why}`,
          ...(cause === undefined ? {} : { cause }),
          ...(backend === undefined ? {} : { backend }),
        }),
    });
  }

  /**
   * Starts the backends that haven't adopted a process. Resolves when all accept connections.
   *
   * @throws {BrokerError} as `ManagedBackend.start`, once all have started or failed (the promise rejects).
   */
  async start(): Promise<void> {
    const missing = [...this.#all].filter((backend) => !backend.wasFound);
    const starts = await Promise.allSettled(missing.map((backend) => backend.start()));
    for (const start of starts) {
      if (start.status === 'rejected') throw start.reason;
    }
  }

  /**
   * Starts the backends of services that are new in `next`. They aren't offered yet.
   *
   * @throws {BrokerError} as `ManagedBackend.start`; all of them are stopped then (the promise rejects).
   */
  async startNew(present: Services, next: CheckedBrokerOptions): Promise<readonly ManagedBackend[]> {
    const backends = missingIn(present, next.services).map(({ service, replica }) =>
      this.#create(service, replica, next),
    );
    for (const backend of backends) this.#all.add(backend);
    try {
      await Promise.all(backends.map((backend) => backend.start()));
      this.checkOpen();
      return backends;
    } catch (error) {
      await Promise.all(backends.map((backend) => backend.stop()));
      for (const backend of backends) this.#discard(backend);
      throw error;
    }
  }

  /** Changes to the next services: offers the started backends and retires those of removed services. */
  change(
    present: Services,
    next: CheckedBrokerOptions,
    started: readonly ManagedBackend[],
  ): ReloadedServices {
    for (const service of next.services) {
      const replicas = this.#offered.get(service.name)?.get(service.version) ?? [];
      for (const backend of replicas) backend.reconfigure(service, next);
    }
    for (const backend of started) this.#offer(backend);
    const removed = missingIn(next.services, present).flatMap(({ service, replica }) => {
      const backend = this.#offered.get(service.name)?.get(service.version)?.find(replica);
      return backend === undefined ? [] : [backend];
    });
    for (const backend of removed) this.#retire(backend);
    return {
      added: started.map(({ key }) => replicaName(key)),
      removed: removed.map(({ key }) => replicaName(key)),
    };
  }

  /** Those that may adopt a process of an earlier broker, best first: a process keeps its number if that is free. */
  #candidatesFor(adoptable: AdoptableBackend): readonly ManagedBackend[] {
    const replicas = this.#replicasOf(adoptable);
    const own = replicas?.find(adoptable.replica);
    const others = [...(replicas ?? [])].filter((backend) => backend !== own);
    return own === undefined ? others : [own, ...others];
  }

  /** From now on no backend is found, and the controller forgets none. */
  close(): void {
    this.#isClosed = true;
  }

  /** @throws {BrokerError} `stopped`, after {@link close}. */
  checkOpen(): void {
    if (this.#isClosed) throw new BrokerError('stopped', 'the broker is stopped');
  }

  /** Leaves the processes running and returns them for a later broker to adopt. */
  async leave(): Promise<AdoptableBackend[]> {
    const left = await Promise.all([...this.#all].map((backend) => backend.leave()));
    return left.filter((each) => each !== undefined);
  }

  /** Ends all processes, or only those that this broker started. */
  async stop(which: 'all' | 'started'): Promise<void> {
    const isLeft = (backend: ManagedBackend): boolean => backend.wasFound && which === 'started';
    await Promise.all([...this.#all].map((backend) => (isLeft(backend) ? backend.leave() : backend.stop())));
  }

  /** Kills the processes that this broker started, without waiting. */
  kill(): void {
    for (const backend of this.#all) backend.kill();
  }

  #create(
    service: CheckedService,
    replica: number | undefined,
    { startTimeoutMs, stopTimeoutMs }: ProcessTimeouts,
  ): ManagedBackend {
    const { controller, instance } = this.#options;
    const key: BackendKey = Object.freeze({
      instance,
      serviceName: service.name,
      serviceVersion: service.version,
      ...(replica === undefined ? {} : { replica }),
    });
    // Create the chart's actor now, so that observers see a backend before its first request.
    const handle = controller.backend(key);
    handle.hold();
    return new ManagedBackend({ key, handle, service, startTimeoutMs, stopTimeoutMs }, this.#options);
  }

  #offer(backend: ManagedBackend): void {
    const { name, version } = backend.service;
    const versions = this.#offered.get(name) ?? new Map<string, Replicas>();
    const replicas = versions.get(version) ?? new Replicas();
    replicas.add(backend);
    versions.set(version, replicas);
    this.#offered.set(name, versions);
  }

  #retire(backend: ManagedBackend): void {
    const { serviceName, serviceVersion } = backend.key;
    const versions = this.#offered.get(serviceName);
    const replicas = versions?.get(serviceVersion);
    replicas?.delete(backend);
    if (replicas?.size === 0) versions?.delete(serviceVersion);
    if (versions?.size === 0) this.#offered.delete(serviceName);
    backend
      .retire(backend.service.ackDeadlineMs + RECONNECT_GRACE_MS)
      .then(() => this.#discard(backend))
      .catch((cause: unknown) =>
        this.#options.reporter.warnOfFailure(
          'internalError',
          'the end of a retired backend',
          cause,
          backend.key,
        ),
      );
  }

  #discard(backend: ManagedBackend): void {
    this.#all.delete(backend);
    if (this.#isClosed) return;
    if (this.#replicasOf(backend.key)?.find(backend.key.replica) === undefined) backend.handle.forget();
  }
}

function unknownBackend(key: BackendKey): BrokerError {
  return new BrokerError('unknownBackend', `there is no backend ${showValue(backendDisplayName(key))}`);
}

function isSameKey(a: BackendKey, b: BackendKey): boolean {
  return (
    a.instance === b.instance &&
    a.serviceName === b.serviceName &&
    a.serviceVersion === b.serviceVersion &&
    a.replica === b.replica
  );
}

/** A process that a broker is to have. */
interface Place {
  readonly service: CheckedService;
  /** Undefined for the first. */
  readonly replica: number | undefined;
}

function placesOf(services: Services): readonly Place[] {
  return services.flatMap((service) =>
    Array.from({ length: service.replicas }, (_, index) => ({
      service,
      replica: index === 0 ? undefined : index + 1,
    })),
  );
}

/** The places of `wanted` that aren't among those of `services`. */
function missingIn(services: Services, wanted: Services): readonly Place[] {
  return wanted.flatMap((service) => {
    const same = services.find(({ name, version }) => name === service.name && version === service.version);
    return placesOf([service]).slice(same?.replicas ?? 0);
  });
}
