import { type ActorRefFrom, createActor } from 'xstate';
import {
  BACKEND_PROCESS_STATES,
  type BackendLifecycleEmitted,
  type BackendLifecycleEvent,
  type BackendProcessState,
  type BackendSuccession,
  backendLifecycle,
} from '../../../machines';
import { messageOf } from '../../errors/showValue';
import type { InspectionObserver } from '../../index';
import type { BackendIdentity } from '../../protocol/backendIdentity';
import { BrokerError } from '../BrokerError';
import type { AdoptableBackend } from '../options/BrokerOptions';
import type { RefusedAnswer, TransferQueue } from '../transfers/TransferQueue';
import type { AdoptedProcess } from './AdoptedProcess';
import { BackendProcess, type BackendProcessOptions, type ProcessExit } from './BackendProcess';
import { checkServiceFiles } from './checkStartable';
import { describeFailedStart } from './describeFailedStart';
import { LogTail } from './LogTail';

// After this time of being ready, the restart backoff starts over.
const STABLE_AFTER_MS = 10_000;
// How long to read a dead process's last messages from its channel; takes no time unless this process is very busy.
const CHANNEL_DRAIN_MS = 500;

/** Timeouts of a process, in milliseconds. */
export interface ProcessTimeouts {
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
}

/** Callbacks of a {@link BackendLife}. */
export interface BackendLifeListener {
  /** The process is about to be started. Throw to prevent that. */
  onStarting(identity: BackendIdentity): void;
  /** The process was started. */
  onStarted(process: AdoptableBackend): void;
  /** It accepts connections. */
  onReady(life: BackendLife): void;
  /** It has been ready long enough to reset the restart backoff. */
  onStable(): void;
  /** It takes no more clients; `successor` says when the next process starts. */
  onVacated(life: BackendLife, successor: BackendSuccession): void;
  /** The process has ended and was cleaned up. */
  onGone(life: BackendLife): void;
  /** Connections can be handed to a process that was found running. */
  onRejoined(life: BackendLife): void;
  /** Connections can't be handed to it. */
  onChannelFailed(cause: unknown): void;
  onRefusedAnswer(why: RefusedAnswer): void;
}

/** Options of {@link BackendLife}. */
export interface BackendLifeOptions extends ProcessTimeouts {
  /** The backend's name in messages. */
  readonly name: string;
  /** Milliseconds until the process starts, unless `start.asked` comes first. */
  readonly restartDelayMs: number;
  readonly inspect: InspectionObserver | undefined;
  /** Returns the options of the process; called at its start. */
  readonly processOptions: () => BackendProcessOptions;
}

type Running =
  | { readonly type: 'own'; readonly process: BackendProcess }
  | { readonly type: 'adopted'; readonly process: AdoptedProcess }
  | { readonly type: 'none' };

/** One process of a backend, from before its start to its end. The chart `backendLifecycle` decides; this class acts. */
export class BackendLife {
  readonly #options: BackendLifeOptions;
  readonly #listener: BackendLifeListener;
  readonly #actor: ActorRefFrom<typeof backendLifecycle>;
  readonly #over: Promise<void>;
  #settleOver: () => void = () => {};
  #running: Running = { type: 'none' };
  #identity: BackendIdentity | undefined;
  #exit: ProcessExit = { code: null, signal: null };
  #spawnError: unknown;
  #isKilled = false;
  #wasRejoined = false;
  #log: LogTail | undefined;
  #wasReady = false;
  #shown: { readonly snapshot: unknown; readonly state: BackendProcessState | undefined } | undefined;

  constructor(options: BackendLifeOptions, listener: BackendLifeListener) {
    this.#options = options;
    this.#listener = listener;
    this.#over = new Promise((resolve) => {
      this.#settleOver = resolve;
    });
    const { name, restartDelayMs, startTimeoutMs, stopTimeoutMs, inspect } = options;
    this.#actor = createActor(backendLifecycle, {
      id: `${name} process`,
      input: {
        restartDelayMs,
        startTimeoutMs,
        stopTimeoutMs,
        stableAfterMs: STABLE_AFTER_MS,
        channelDrainMs: CHANNEL_DRAIN_MS,
      },
      ...(inspect === undefined ? {} : { inspect }),
    });
    this.#actor.on('*', (told) => this.#do(told));
    this.#actor.start();
  }

  /** The visible state. Undefined if the process gave way to its successor but hasn't ended. */
  get state(): BackendProcessState | undefined {
    const snapshot = this.#actor.getSnapshot();
    if (this.#shown?.snapshot !== snapshot) {
      this.#shown = { snapshot, state: BACKEND_PROCESS_STATES.find((state) => snapshot.hasTag(state)) };
    }
    return this.#shown.state;
  }

  get isReady(): boolean {
    return this.state === 'ready';
  }

  /** Whether it was ever ready. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** Whether an earlier broker started it. */
  get wasFound(): boolean {
    return this.#running.type === 'adopted';
  }

  /** Whether an earlier broker started it, and this one has had no channel to it. */
  get isAdopted(): boolean {
    return this.wasFound && !this.#wasRejoined;
  }

  get pid(): number | undefined {
    const running = this.#running;
    if (running.type === 'none') return undefined;
    return running.type === 'own' ? running.process.pid : running.process.backend.pid;
  }

  /** Undefined before the process is started or adopted. */
  get identity(): BackendIdentity | undefined {
    return this.#identity;
  }

  /** The transfers to it; undefined where none can be made. */
  get queue(): TransferQueue | undefined {
    return this.#running.type === 'none' ? undefined : this.#running.process.link.queue;
  }

  /** The connections that it has open, as far as is known. */
  get openConnections(): number {
    return this.#running.type === 'none' ? 0 : this.#running.process.link.openConnections;
  }

  /** A client is sent to it. */
  countPick(): void {
    if (this.#running.type !== 'none') this.#running.process.link.countPick();
  }

  /** What a later broker needs to adopt it; undefined if there is no process. */
  get adoptable(): AdoptableBackend | undefined {
    const running = this.#running;
    if (running.type === 'none') return undefined;
    return running.type === 'own' ? running.process.adoptable : running.process.backend;
  }

  /** How the process ended. */
  get exit(): ProcessExit {
    return this.#exit;
  }

  /** Why it never became ready. Only meaningful if nobody asked it to end. */
  get startError(): BrokerError {
    const { name } = this.#options;
    if (this.#spawnError instanceof BrokerError) return this.#spawnError;
    if (this.#spawnError !== undefined) {
      const message = `${name} can't be started: ${messageOf(this.#spawnError)}`;
      return new BrokerError('startFailed', message, { cause: this.#spawnError });
    }
    const how = describeFailedStart(this.#exit, this.#isKilled, this.#log);
    return new BrokerError('startFailed', `${name} didn't start: ${how}`);
  }

  /** Resolves when the process has ended or was left running. */
  get over(): Promise<void> {
    return this.#over;
  }

  ask(event: BackendLifecycleEvent): void {
    // A stopped actor takes no events.
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send(event);
  }

  /** Adopts a running process of an earlier broker. */
  adopt(process: AdoptedProcess): void {
    this.#running = { type: 'adopted', process };
    this.#showPid();
    this.#identity = process.backend;
    this.ask({ type: 'process.found' });
    process.listen({
      onRejoined: () => this.ask({ type: 'channel.opened' }),
      onChannelFailed: (cause) => this.#listener.onChannelFailed(cause),
      onRefusedAnswer: (why) => this.#listener.onRefusedAnswer(why),
      onEndpointClosed: () => this.ask({ type: 'endpoint.closed' }),
      onExited: (isChannelOpen) => this.ask({ type: 'process.exited', isChannelOpen }),
      onChannelClosed: () => this.ask({ type: 'channel.closed' }),
    });
  }

  /** Several processes of a backend may run at a time: the process id tells their actors apart. */
  #showPid(): void {
    if (this.pid !== undefined) this.#actor.id = `${this.#options.name} pid ${this.pid}`;
  }

  #do(told: BackendLifecycleEmitted): void {
    switch (told.type) {
      case 'spawn':
        this.#spawn();
        return;
      case 'ready':
        this.#wasReady = true;
        this.#listener.onReady(this);
        return;
      case 'stable':
        this.#listener.onStable();
        return;
      case 'rejoined':
        this.#wasRejoined = true;
        this.#listener.onRejoined(this);
        return;
      case 'askToStop':
        if (this.#running.type !== 'none') this.#running.process.askToStop(told.timeoutMs);
        return;
      case 'terminate':
        this.#terminate();
        return;
      case 'kill':
        this.#isKilled = true;
        // `AdoptedProcess.stop` sends an adopted process SIGKILL by itself.
        if (this.#running.type === 'own') this.#running.process.kill();
        return;
      case 'vacated':
        this.#listener.onVacated(this, told.successor);
        return;
      case 'gone':
        if (this.#running.type !== 'none') this.#running.process.cleanUp();
        this.#listener.onGone(this);
        this.#settleOver();
        return;
      case 'left':
        if (this.#running.type !== 'none') this.#running.process.leave();
        this.#settleOver();
        return;
    }
  }

  #spawn(): void {
    try {
      const options = this.#options.processOptions();
      const { logFile } = options.service;
      checkServiceFiles(options.service);
      if (logFile !== undefined) this.#log = new LogTail(logFile);
      this.#listener.onStarting(options.identity);
      this.#identity = options.identity;
      const process = new BackendProcess(options, {
        onListening: () => this.ask({ type: 'process.listening' }),
        onRefusedAnswer: (why) => this.#listener.onRefusedAnswer(why),
        onChannelFailed: (cause) => this.#listener.onChannelFailed(cause),
        onEndpointClosed: () => this.ask({ type: 'endpoint.closed' }),
        onSpawnFailed: (error) => this.#onSpawnFailed(error),
        onExit: (exit, isChannelOpen) => {
          this.#exit = exit;
          this.ask({ type: 'process.exited', isChannelOpen });
        },
        onChannelClosed: () => this.ask({ type: 'channel.closed' }),
      });
      this.#running = { type: 'own', process };
      this.#showPid();
      if (process.adoptable !== undefined) this.#listener.onStarted(process.adoptable);
    } catch (error) {
      this.#onSpawnFailed(error);
    }
  }

  #onSpawnFailed(error: unknown): void {
    this.#spawnError = error;
    this.ask({ type: 'spawn.failed' });
  }

  #terminate(): void {
    const running = this.#running;
    if (running.type === 'own') running.process.terminate();
    if (running.type !== 'adopted') return;
    void running.process
      .stop(this.#options.stopTimeoutMs)
      .then(() => this.ask({ type: 'process.exited', isChannelOpen: false }));
  }
}
