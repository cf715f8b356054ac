import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReconnectReason } from '../../machines/vocabulary';
import { messageOf } from '../errors/showValue';
import type { BackendHandle, BackendKey } from '../index';
import type { BackendIdentity } from '../wire/backendIdentity';
import { randomId } from '../wire/randomId';
import type { AdoptedProcess } from './AdoptedProcess';
import { BackendProcess, type ProcessExit } from './BackendProcess';
import { BrokerError } from './BrokerError';
import type { BackendExitEvent, BackendReadyEvent, BrokerWarning } from './BrokerEvents';
import type { AdoptableBackend } from './BrokerOptions';
import { type CheckedService, checkPathLength } from './checkBrokerOptions';
import { checkServiceFiles } from './checkStartable';
import { describeFailedStart } from './describeFailedStart';
import { endIfProved } from './endProcess';
import type { HandoffTransport } from './HandoffTransport';
import { isDescriptorShortage } from './isDescriptorShortage';
import { LogTail } from './LogTail';
import type { RefusedAnswer, TransferQueue } from './TransferQueue';
import type { TransferTokens } from './TransferTokens';

const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 10_000;
// A process that lived this long didn't fail because it was restarted too early.
const STABLE_MS = 10_000;

/**
 * What a backend's process does. `starting`: not listening yet. `ready`: takes connections. `restarting`: gone, to be
 * started anew. `stopping`, `stopped`: for good.
 */
export type BackendProcessState = 'starting' | 'ready' | 'restarting' | 'stopping' | 'stopped';

/** Where a ready backend takes connections. */
export interface BackendTarget {
  readonly identity: BackendIdentity;
  /** Undefined for an adopted process: there is no channel to it. */
  readonly queue: TransferQueue | undefined;
}

/** How long a process may take, in milliseconds. */
export interface ProcessTimeouts {
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
}

/** Options of {@link ManagedBackend}. */
export interface ManagedBackendOptions extends ProcessTimeouts {
  readonly key: BackendKey;
  readonly handle: BackendHandle;
  readonly service: CheckedService;
  readonly endpointDirectory: string;
  /** Of the broker, without links; undefined if it has none. */
  readonly stateDirectory: string | undefined;
  readonly onReady: (event: BackendReadyEvent) => void;
  readonly onExit: (event: BackendExitEvent) => void;
  readonly onWarning: (warning: BrokerWarning) => void;
  /** This broker has started the process, so that handles can be passed to it. */
  readonly onSpawned: () => void;
  readonly onAdopted: () => void;
  readonly onRefusedAnswer: (why: RefusedAnswer) => void;
  /** There was no descriptor left to start the process with. */
  readonly onDescriptorShortage: () => void;
  readonly transport: HandoffTransport;
  /** Shared by all backends. */
  readonly tokens: TransferTokens<TransferQueue>;
  /** A process is about to be started. If it throws, the process isn't. */
  readonly onStarting: (identity: BackendIdentity) => void;
  /** A process of this broker's runs. */
  readonly onStarted: (backend: AdoptableBackend) => void;
  /** A process, own or adopted, is gone, or has left to bring to an end what it has. */
  readonly onGone: (backend: string) => void;
}

const REFUSED_ANSWERS: Readonly<Record<Exclude<RefusedAnswer, 'late'>, string>> = {
  replayed: 'answered twice for a transfer',
  foreign: "answered for another backend's transfer",
  unknown: "answered for a transfer that there isn't",
  malformed: 'sent an answer that makes no sense',
};

type Running =
  | { readonly type: 'own'; readonly process: BackendProcess }
  | { readonly type: 'adopted'; readonly process: AdoptedProcess }
  | { readonly type: 'none' };

/** A service's backend: its present process, and the next one when that is gone. */
export class ManagedBackend {
  readonly key: BackendKey;
  /** Of the controller's, at hand: no text has to be made of the key for each connection. */
  readonly handle: BackendHandle;
  service: CheckedService;
  /** Whether the service's policy allows handoff. */
  handoffEnabled: boolean;
  /** Tries at handing a connection over. */
  attempts = 0;
  readonly routes = { handedOff: 0, reconnected: new Map<ReconnectReason, number>() };
  readonly #options: ManagedBackendOptions;
  #timeouts: ProcessTimeouts;
  #state: BackendProcessState = 'restarting';
  #running: Running = { type: 'none' };
  // Processes that are cut off, by their end or by themselves, and in how many milliseconds their successor was to start.
  readonly #leaving = new Map<BackendProcess, number | undefined>();
  readonly #stopping = new Set<BackendProcess>();
  #failedStarts = 0;
  #readyAt = 0;
  #onRetired: (() => void) | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #respawned: Promise<void> | undefined;

  constructor(options: ManagedBackendOptions) {
    this.#options = options;
    this.#timeouts = options;
    this.key = options.key;
    this.handle = options.handle;
    this.service = options.service;
    this.handoffEnabled = options.service.handoff;
  }

  get state(): BackendProcessState {
    return this.#state;
  }

  get isAdopted(): boolean {
    return this.#running.type === 'adopted';
  }

  get pid(): number | undefined {
    const running = this.#running;
    if (running.type === 'none') return undefined;
    return running.type === 'own' ? running.process.pid : running.process.backend.pid;
  }

  get endpoint(): string | undefined {
    const running = this.#running;
    if (running.type === 'none') return undefined;
    return running.type === 'own' ? running.process.identity.endpoint : running.process.backend.endpoint;
  }

  get queue(): TransferQueue | undefined {
    return this.#running.type === 'own' ? this.#running.process.queue : undefined;
  }

  /** Where to send a client, or undefined while there is no process that takes it. */
  get target(): BackendTarget | undefined {
    const running = this.#running;
    if (this.#state !== 'ready' || running.type === 'none') return undefined;
    return running.type === 'own'
      ? { identity: running.process.identity, queue: running.process.queue }
      : { identity: running.process.backend, queue: undefined };
  }

  /** What a later broker would need to adopt the present process, or undefined while there is none that takes connections. */
  get adoptable(): AdoptableBackend | undefined {
    const running = this.#running;
    if (this.#state !== 'ready' || running.type === 'none') return undefined;
    return running.type === 'adopted' ? running.process.backend : running.process.adoptable;
  }

  /**
   * Starts a process; a later end of it is answered with a restart.
   *
   * @throws {BrokerError} `startFailed`, `stateNotWritten` or `pathTooLong` (the promise rejects).
   */
  start(): Promise<void> {
    this.#state = 'starting';
    return new Promise((resolve, reject) => {
      const identity: BackendIdentity = {
        backend: randomId(),
        serviceName: this.key.serviceName,
        serviceVersion: this.key.serviceVersion,
        endpoint: endpointPath(this.#options.endpointDirectory),
      };
      checkPathLength('endpoint', identity.endpoint);
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        backendProcess.kill();
      }, this.#timeouts.startTimeoutMs);
      let isReady = false;
      let isOnRecord = false;
      let backendProcess: BackendProcess;
      let log: LogTail | undefined;
      try {
        checkServiceFiles(this.service);
        if (this.service.logFile !== undefined) log = new LogTail(this.service.logFile);
        const { stopTimeoutMs } = this.#timeouts;
        const { stateDirectory, transport, tokens } = this.#options;
        this.#options.onStarting(identity);
        isOnRecord = true;
        backendProcess = new BackendProcess(
          this.service,
          identity,
          stateDirectory,
          stopTimeoutMs,
          transport,
          tokens,
          {
            onListening: () => {
              if (isReady || this.#state !== 'starting') return;
              isReady = true;
              clearTimeout(timer);
              this.#onReady(backendProcess);
              resolve();
            },
            onRefusedAnswer: (why) => this.#onRefusedAnswer(why),
            onLeft: () => {
              if (!isReady || this.#running.type !== 'own' || this.#running.process !== backendProcess)
                return;
              this.#running = { type: 'none' };
              this.#leaving.set(backendProcess, this.#restartLater());
            },
            onExit: (exit) => {
              clearTimeout(timer);
              this.#options.onGone(identity.backend);
              const restartInMs = this.#leaving.get(backendProcess);
              if (this.#leaving.delete(backendProcess)) {
                this.#tellExit(backendProcess, exit, restartInMs);
                return;
              }
              const isCurrent = this.#running.type === 'own' && this.#running.process === backendProcess;
              if (isCurrent) this.#running = { type: 'none' };
              if (!isReady) {
                const message = `${this.#name} didn't start: ${describeFailedStart(exit, timedOut, log)}`;
                reject(new BrokerError('startFailed', message, { cause: exit.error }));
              } else if (isCurrent) {
                this.#onExit(backendProcess, exit);
              }
            },
          },
        );
      } catch (cause) {
        clearTimeout(timer);
        if (isOnRecord) this.#options.onGone(identity.backend);
        reject(startError(this.#name, cause));
        return;
      }
      this.#running = { type: 'own', process: backendProcess };
      if (backendProcess.adoptable !== undefined) this.#options.onStarted(backendProcess.adoptable);
    });
  }

  /** Goes on with a process that an earlier broker started. */
  adopt(adopted: AdoptedProcess): void {
    const { pid, endpoint } = adopted.backend;
    this.#running = { type: 'adopted', process: adopted };
    this.#state = 'ready';
    this.#options.onAdopted();
    this.#options.onReady({ backend: this.key, pid, endpoint, adopted: true });
    adopted.onGone(() => this.#onAdoptedGone(adopted));
  }

  /**
   * Ends the present process and starts another. Called meanwhile again it's the same: two would start one each.
   *
   * @throws {BrokerError} `startFailed` if the new one doesn't start; it will be tried again (the promise rejects).
   */
  respawn(): Promise<void> {
    this.#respawned ??= this.#respawn().finally(() => {
      this.#respawned = undefined;
    });
    return this.#respawned;
  }

  async #respawn(): Promise<void> {
    this.#checkNotStopped();
    this.#state = 'restarting';
    clearTimeout(this.#restartTimer);
    await this.#stopRunning();
    this.#checkNotStopped();
    // The one that was ended may have been starting, and have failed at it.
    clearTimeout(this.#restartTimer);
    try {
      await this.start();
    } catch (error) {
      this.#onStartFailed(error);
      throw error;
    }
  }

  /** Goes on with other values of what can change while a process runs. */
  reconfigure(service: CheckedService, timeouts: ProcessTimeouts): void {
    this.service = service;
    this.handoffEnabled = service.handoff;
    this.#timeouts = timeouts;
  }

  /**
   * Takes no new connections, and lets the process bring to an end what it has. Resolves when it's gone; an adopted one
   * can't be asked to go.
   *
   * @param lingerMs milliseconds in which clients that were sent here may still come.
   */
  async retire(lingerMs: number): Promise<void> {
    const running = this.#running;
    if (this.#state !== 'ready' || running.type === 'none') {
      await this.stop();
      return;
    }
    this.#state = 'stopping';
    if (running.type === 'adopted') {
      await new Promise<void>((resolve) => {
        this.#onRetired = resolve;
      });
    } else {
      await sleep(lingerMs, undefined, { ref: false });
      await running.process.retire();
    }
    this.#state = 'stopped';
  }

  /** Ends the process for good. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    clearTimeout(this.#restartTimer);
    const leaving = [...this.#leaving.keys()].map((backendProcess) => backendProcess.stop());
    // Who asked for a replacement is told that there will be none.
    await Promise.all([this.#stopRunning(), this.#respawned?.catch(() => {}), ...leaving]);
    this.#state = 'stopped';
  }

  /** Leaves the process running, and says what a later broker needs to adopt it. */
  async leave(): Promise<AdoptableBackend | undefined> {
    const running = this.#running;
    if (this.#state !== 'ready' || running.type === 'none') {
      await this.stop();
      return undefined;
    }
    const { adoptable } = this;
    this.#state = 'stopped';
    this.#running = { type: 'none' };
    running.process.leave();
    for (const leaving of this.#leaving.keys()) leaving.leave();
    return adoptable;
  }

  /** Ends the processes that are this broker's own at once, and waits for nothing. */
  kill(): void {
    if (this.#running.type === 'own') this.#running.process.kill();
    for (const leaving of this.#leaving.keys()) leaving.kill();
    for (const stopping of this.#stopping) stopping.kill();
  }

  countRoute(route: 'handedOff' | ReconnectReason): void {
    if (route === 'handedOff') this.routes.handedOff += 1;
    else this.routes.reconnected.set(route, (this.routes.reconnected.get(route) ?? 0) + 1);
  }

  get #name(): string {
    return `${this.key.serviceName}@${this.key.serviceVersion}`;
  }

  async #stopRunning(): Promise<void> {
    const running = this.#running;
    this.#running = { type: 'none' };
    if (running.type === 'none') return;
    const pid = running.type === 'own' ? running.process.pid : running.process.backend.pid;
    if (running.type === 'own') this.#stopping.add(running.process);
    await running.process.stop(this.#timeouts.stopTimeoutMs);
    if (running.type === 'own') this.#stopping.delete(running.process);
    if (running.type === 'adopted') this.#options.onGone(running.process.backend.backend);
    this.#options.onExit({
      backend: this.key,
      pid,
      adopted: running.type === 'adopted',
      code: null,
      signal: null,
    });
  }

  #onReady(backendProcess: BackendProcess): void {
    this.#state = 'ready';
    this.#readyAt = performance.now();
    this.#options.onSpawned();
    this.#options.onReady({
      backend: this.key,
      pid: backendProcess.pid ?? 0,
      endpoint: backendProcess.identity.endpoint,
      adopted: false,
    });
  }

  #onExit(backendProcess: BackendProcess, exit: ProcessExit): void {
    if (performance.now() - this.#readyAt >= STABLE_MS) this.#failedStarts = 0;
    this.#tellExit(backendProcess, exit, this.#restartLater());
  }

  #tellExit(backendProcess: BackendProcess, { code, signal }: ProcessExit, restartInMs?: number): void {
    this.#options.onExit({
      backend: this.key,
      pid: backendProcess.pid,
      adopted: false,
      code,
      signal,
      ...(restartInMs === undefined ? {} : { restartInMs }),
    });
  }

  #onAdoptedGone(adopted: AdoptedProcess): void {
    if (this.#running.type !== 'adopted' || this.#running.process !== adopted) return;
    this.#running = { type: 'none' };
    this.#options.onGone(adopted.backend.backend);
    void this.#endLater(adopted);
    this.#onRetired?.();
    const restartInMs = this.#restartLater();
    this.#options.onExit({
      backend: this.key,
      pid: adopted.backend.pid,
      adopted: true,
      code: null,
      signal: null,
      ...(restartInMs === undefined ? {} : { restartInMs }),
    });
  }

  /** It may only have closed its endpoint, to bring to an end what it has; no longer than an own process may take. */
  async #endLater({ backend }: AdoptedProcess): Promise<void> {
    const { stopTimeoutMs } = this.#timeouts;
    await sleep(stopTimeoutMs, undefined, { ref: false });
    await endIfProved(backend, stopTimeoutMs);
  }

  #restartLater(): number | undefined {
    if (this.#state === 'stopping' || this.#state === 'stopped') return undefined;
    this.#state = 'restarting';
    const full = Math.min(LONGEST_RESTART_MS, FIRST_RESTART_MS * 2 ** Math.min(this.#failedStarts, 10));
    this.#failedStarts += 1;
    const restartInMs = Math.round(full * (0.5 + Math.random() / 2));
    this.#restartTimer = setTimeout(() => {
      this.start().catch((error: unknown) => this.#onStartFailed(error));
    }, restartInMs);
    this.#restartTimer.unref();
    return restartInMs;
  }

  #onRefusedAnswer(why: RefusedAnswer): void {
    this.#options.onRefusedAnswer(why);
    if (why === 'late') return;
    this.#options.onWarning({
      code: 'unknownAnswer',
      message: `${this.#name} ${REFUSED_ANSWERS[why]}`,
      backend: this.key,
    });
  }

  #onStartFailed(cause: unknown): void {
    if (isDescriptorShortage(cause)) this.#options.onDescriptorShortage();
    // What can't be put on record, whoever keeps the record has told.
    if (this.#restartLater() === undefined || isUnrecorded(cause)) return;
    this.#options.onWarning({
      code: 'startFailed',
      message: (cause as Error).message,
      backend: this.key,
      cause,
    });
  }

  #checkNotStopped(): void {
    if (this.#state === 'stopping' || this.#state === 'stopped') {
      throw new BrokerError('stopped', `${this.#name} is stopped`);
    }
  }
}

function isUnrecorded(error: unknown): boolean {
  return error instanceof BrokerError && error.code === 'stateNotWritten';
}

function endpointPath(directory: string): string {
  const name = randomId().slice(0, 16);
  return process.platform === 'win32'
    ? `\\\\.\\pipe\\handoff-controller-${name}`
    : join(directory, `${name}.sock`);
}

function startError(name: string, cause: unknown): BrokerError {
  if (cause instanceof BrokerError) return cause;
  return new BrokerError('startFailed', `${name} can't be started: ${messageOf(cause)}`, { cause });
}
