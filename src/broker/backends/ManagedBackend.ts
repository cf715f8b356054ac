import { join } from 'node:path';
import type { BackendLifecycleEvent, BackendProcessState, BackendSuccession } from '../../../machines';
import { restartDelayMs } from '../../../machines/restartBackoff';
import { replicaName } from '../../controller/BackendKey';
import { messageOf } from '../../errors/showValue';
import {
  type BackendHandle,
  type BackendKey,
  HandoffAttemptInputs,
  type InspectionObserver,
} from '../../index';
import { isDescriptorShortage } from '../../net/isDescriptorShortage';
import { randomId } from '../../net/randomId';
import type { BackendIdentity } from '../../protocol/backendIdentity';
import { BrokerError } from '../BrokerError';
import type { AdoptableBackend } from '../options/BrokerOptions';
import { type CheckedService, checkPathLength } from '../options/checkBrokerOptions';
import type { FdPressure } from '../pressure/FdPressure';
import type { BrokerCounts } from '../telemetry/BrokerCounts';
import type { BrokerReporter } from '../telemetry/BrokerReporter';
import type { ServiceCounts } from '../telemetry/ServiceCounts';
import type { RefusedAnswer, TransferQueue } from '../transfers/TransferQueue';
import type { AdoptedProcess } from './AdoptedProcess';
import { BackendLife, type ProcessTimeouts } from './BackendLife';
import type { BackendProcessOptions } from './BackendProcess';
import type { SharedByLinks } from './ProcessLink';
import type { ProcessRecords } from './ProcessRecords';

/** Where to send connections for a ready backend. */
export interface BackendTarget {
  readonly identity: BackendIdentity;
  /** Undefined if connections can't be handed to it. */
  readonly queue: TransferQueue | undefined;
}

/** Options of {@link ManagedBackend}. */
export interface ManagedBackendOptions extends ProcessTimeouts {
  readonly key: BackendKey;
  readonly handle: BackendHandle;
  readonly service: CheckedService;
}

/** Shared by all backends of a broker. */
export interface SharedByBackends extends SharedByLinks {
  readonly endpointDirectory: string;
  /** The broker's state directory with links resolved; undefined if it has none. */
  readonly stateDirectory: string | undefined;
  readonly reporter: BrokerReporter;
  readonly counts: BrokerCounts;
  /** Informed when no descriptor is left to start a process. */
  readonly pressure: FdPressure;
  /** Undefined if the broker has no state directory. */
  readonly records: ProcessRecords | undefined;
  /** Gets XState's inspection events of each process's chart. */
  readonly inspect: InspectionObserver | undefined;
}

const ENABLED = HandoffAttemptInputs.enabled();

const REFUSED_ANSWERS: Readonly<Record<Exclude<RefusedAnswer, 'late'>, string>> = {
  replayed: 'answered twice for a transfer',
  foreign: "answered for another backend's transfer",
  unknown: 'answered for an unknown transfer',
  malformed: 'sent a malformed answer',
};

type Waiting = { resolve(): void; reject(error: BrokerError): void }[];

/** A service's backend: its present process, and former ones that haven't ended yet. */
export class ManagedBackend {
  readonly key: BackendKey;
  /** Cached handle; avoids building a key string. */
  readonly handle: BackendHandle;
  service: CheckedService;
  /** Whether the service's policy allows handoff. */
  handoffEnabled: boolean;
  /** Shared with earlier backends of the same service. */
  readonly counts: ServiceCounts;
  readonly #shared: SharedByBackends;
  #timeouts: ProcessTimeouts;
  // Undefined until the first process is started or adopted.
  #current: BackendLife | undefined;
  // Former processes that haven't ended, with the delay of their successor's start in milliseconds.
  readonly #former = new Map<BackendLife, number | undefined>();
  // Callers that wait for a process to become ready.
  readonly #waiting = new Map<BackendLife, Waiting>();
  // If this one fails to start, the caller of `start` gets the error and no warning is emitted.
  #first: BackendLife | undefined;
  #isStopped = false;
  #failedStarts = 0;
  #replaced: Promise<void> | undefined;

  constructor(options: ManagedBackendOptions, shared: SharedByBackends) {
    this.#shared = shared;
    this.#timeouts = options;
    this.key = options.key;
    this.handle = options.handle;
    this.service = options.service;
    this.counts = shared.counts.ofService(options.key);
    this.handoffEnabled = options.service.handoff;
  }

  get state(): BackendProcessState {
    const state = this.#current?.state;
    if (state !== undefined) return state;
    if (!this.#isStopped) return 'restarting';
    return this.#current === undefined ? 'stopped' : 'stopping';
  }

  /** Whether the present process is one that an earlier broker started. */
  get wasFound(): boolean {
    return this.#current?.wasFound === true;
  }

  /** Whether the present process is one that an earlier broker started, and this one has had no channel to it. */
  get isAdopted(): boolean {
    return this.#current?.isAdopted === true;
  }

  get pid(): number | undefined {
    return this.#current?.pid;
  }

  get endpoint(): string | undefined {
    return this.#current?.identity?.endpoint;
  }

  get queue(): TransferQueue | undefined {
    return this.#current?.queue;
  }

  /** The connections that the present process has open, as far as is known. */
  get openConnections(): number {
    return this.#current?.openConnections ?? 0;
  }

  /** Whether a connection could be handed to the present process now. */
  get canBeHandedTo(): boolean {
    if (this.queue === undefined) return false;
    const { reporter } = this.#shared;
    return reporter.tellController(this.key, () => this.handle.explain(ENABLED).decision.type) === 'attempt';
  }

  /** A client is sent to the present process. */
  countPick(): void {
    this.#current?.countPick();
  }

  /** Where to send a client; undefined while no process is ready. */
  get target(): BackendTarget | undefined {
    const current = this.#current;
    if (current?.isReady !== true || current.identity === undefined) return undefined;
    return { identity: current.identity, queue: current.queue };
  }

  /** The present process for a later broker to adopt; undefined while none is ready. */
  get adoptable(): AdoptableBackend | undefined {
    return this.#current?.isReady === true ? this.#current.adoptable : undefined;
  }

  /**
   * Starts a process, and restarts it whenever it ends.
   *
   * @throws {BrokerError} `startFailed`, `stateNotWritten`, `pathTooLong` or `stopped` (the promise rejects).
   */
  start(): Promise<void> {
    if (this.#isStopped) return Promise.reject(this.#stoppedError());
    // If an adopted process has ended meanwhile, its successor is already planned or started; don't start a second one.
    const life = this.#current ?? this.#begin(0);
    if (life.isReady) return Promise.resolve();
    this.#first = life;
    const started = this.#whenReady(life);
    life.ask({ type: 'start.asked' });
    return started;
  }

  /** Adopts a process of an earlier broker. */
  adopt(adopted: AdoptedProcess): void {
    this.#begin(0).adopt(adopted);
  }

  /**
   * Ends the present process and starts another. Calls until that one is ready join it.
   *
   * @throws {BrokerError} `startFailed`: the new process didn't start; the broker retries (the promise rejects).
   */
  respawn(): Promise<void> {
    if (this.#replaced !== undefined) return this.#replaced;
    const life = this.#current;
    if (life === undefined || this.#isStopped) return Promise.reject(this.#stoppedError());
    // `#onVacated` passes those who wait on to the successor.
    const replaced = this.#whenReady(life);
    this.#replaced = replaced;
    life.ask({ type: 'replacement.asked' });
    return replaced;
  }

  /** Changes the options that can change while the process runs. */
  reconfigure(service: CheckedService, timeouts: ProcessTimeouts): void {
    this.service = service;
    this.handoffEnabled = service.handoff;
    this.#timeouts = timeouts;
  }

  /**
   * Takes no more clients and lets the process finish its connections. Resolves when it has ended. An adopted process can't be
   * asked to stop.
   *
   * @param clientGraceMs milliseconds in which clients that got the endpoint may still connect.
   */
  retire(clientGraceMs: number): Promise<void> {
    return this.#endWith({ type: 'retirement.asked', clientGraceMs });
  }

  /** Ends the process for good. */
  stop(): Promise<void> {
    return this.#endWith({ type: 'stop.asked' });
  }

  /** Leaves the process running and returns it for a later broker to adopt. */
  async leave(): Promise<AdoptableBackend | undefined> {
    const { adoptable } = this;
    await this.#endWith({ type: 'leave.asked' });
    return adoptable;
  }

  async #endWith(event: BackendLifecycleEvent): Promise<void> {
    this.#isStopped = true;
    const lives = this.#lives();
    const replaced = this.#replaced;
    for (const life of lives) life.ask(event);
    // A pending replacement is rejected by then.
    await Promise.all([replaced?.catch(() => {}), ...lives.map(({ over }) => over)]);
  }

  #lives(): BackendLife[] {
    return [...this.#former.keys(), ...(this.#current === undefined ? [] : [this.#current])];
  }

  /** Creates the next process's life; the process starts after the delay. */
  #begin(delayMs: number): BackendLife {
    const { inspect, records } = this.#shared;
    // Pick the fields: the object may have others, such as an `inspect` of its own.
    const { startTimeoutMs, stopTimeoutMs } = this.#timeouts;
    const life = new BackendLife(
      {
        name: this.#name,
        restartDelayMs: delayMs,
        inspect,
        startTimeoutMs,
        stopTimeoutMs,
        processOptions: () => this.#processOptions(),
      },
      {
        onStarting: (identity) => records?.add(identity),
        onStarted: (started) => records?.complete(started),
        onReady: (ready) => this.#onReady(ready),
        onStable: () => {
          this.#failedStarts = 0;
        },
        onVacated: (vacated, successor) => this.#onVacated(vacated, successor),
        onGone: (gone) => this.#onGone(gone),
        onRejoined: (rejoined) => this.#onRejoined(rejoined),
        onChannelFailed: (cause) => this.#onChannelFailed(life, cause),
        onRefusedAnswer: (why) => this.#onRefusedAnswer(why),
      },
    );
    this.#current = life;
    return life;
  }

  #processOptions(): BackendProcessOptions {
    const { endpointDirectory, stateDirectory, transport, tokens } = this.#shared;
    const endpoint = endpointPath(endpointDirectory);
    checkPathLength('endpoint', endpoint);
    const { serviceName, serviceVersion, replica } = this.key;
    const identity = {
      backend: randomId(),
      serviceName,
      serviceVersion,
      endpoint,
      ...(replica === undefined ? {} : { replica }),
    };
    return { service: this.service, identity, stateDirectory, transport, tokens };
  }

  #whenReady(life: BackendLife): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(life) ?? [];
      waiting.push({ resolve, reject });
      this.#waiting.set(life, waiting);
    });
  }

  #takeWaiting(life: BackendLife): Waiting {
    const waiting = this.#waiting.get(life) ?? [];
    this.#waiting.delete(life);
    return waiting;
  }

  #onReady(life: BackendLife): void {
    const { reporter } = this.#shared;
    // Who asks for another one from here on, such as a listener that is told of this one, waits for that.
    const waiting = this.#takeWaiting(life);
    this.#replaced = undefined;
    reporter.tellController(this.key, () =>
      life.isAdopted ? this.handle.markAdopted() : this.handle.markSpawned(),
    );
    reporter.emit('backendReady', {
      backend: this.key,
      pid: life.pid ?? 0,
      endpoint: life.identity?.endpoint ?? '',
      adopted: life.isAdopted,
    });
    for (const { resolve } of waiting) resolve();
  }

  #onRejoined(life: BackendLife): void {
    const { reporter } = this.#shared;
    reporter.tellController(this.key, () => this.handle.markRejoined());
    reporter.emit('backendRejoined', {
      backend: this.key,
      pid: life.pid ?? 0,
      endpoint: life.identity?.endpoint ?? '',
    });
  }

  #onChannelFailed(life: BackendLife, cause: unknown): void {
    this.#shared.reporter.warn({
      code: 'channelFailed',
      message: `connections can't be handed to ${this.#name} (process ${life.pid}): ${messageOf(cause)}`,
      backend: this.key,
      cause,
    });
  }

  #onVacated(life: BackendLife, successor: BackendSuccession): void {
    const waiting = this.#takeWaiting(life);
    if (successor !== 'atOnce') this.#replaced = undefined;
    if (successor === 'never') {
      for (const { reject } of waiting) reject(this.#stoppedError());
      return;
    }
    if (successor === 'atOnce') {
      this.#former.set(life, undefined);
      const next = this.#begin(0);
      this.#waiting.set(next, waiting);
      next.ask({ type: 'start.asked' });
      return;
    }
    const delayMs = restartDelayMs(this.#failedStarts, Math.random());
    this.#failedStarts += 1;
    this.#former.set(life, delayMs);
    this.#begin(delayMs);
    if (!life.wasReady) this.#onFailedStart(life, waiting);
  }

  #onFailedStart(life: BackendLife, waiting: Waiting): void {
    const { startError } = life;
    if (isDescriptorShortage(startError)) this.#shared.pressure.reportExhausted();
    for (const { reject } of waiting) reject(startError);
    // For `stateNotWritten` the broker's state has already warned.
    if (life === this.#first || startError.code === 'stateNotWritten') return;
    const { message } = startError;
    this.#shared.reporter.warn({ code: 'startFailed', message, backend: this.key, cause: startError });
  }

  #onGone(life: BackendLife): void {
    const restartInMs = this.#former.get(life);
    const hasSuccessor = this.#former.delete(life);
    if (life.identity === undefined) return;
    this.#shared.records?.remove(life.identity.backend);
    // A failed start is reported as a warning instead.
    if (!life.wasReady && hasSuccessor) return;
    this.#shared.reporter.emit('backendExit', {
      backend: this.key,
      pid: life.pid,
      adopted: life.wasFound,
      ...life.exit,
      ...(restartInMs === undefined ? {} : { restartInMs }),
    });
  }

  /** Kills the processes that this broker started, without waiting. */
  kill(): void {
    this.#isStopped = true;
    for (const life of this.#lives()) if (!life.wasFound) life.ask({ type: 'kill.asked' });
  }

  get #name(): string {
    return replicaName(this.key);
  }

  #onRefusedAnswer(why: RefusedAnswer): void {
    this.#shared.counts.countRefusedAnswer(why);
    if (why === 'late') return;
    this.#shared.reporter.warn({
      code: 'unknownAnswer',
      message: `${this.#name} ${REFUSED_ANSWERS[why]}`,
      backend: this.key,
    });
  }

  #stoppedError(): BrokerError {
    return new BrokerError('stopped', `${this.#name} is stopped`);
  }
}

function endpointPath(directory: string): string {
  const name = randomId().slice(0, 16);
  return process.platform === 'win32'
    ? `\\\\.\\pipe\\handoff-controller-${name}`
    : join(directory, `${name}.sock`);
}
