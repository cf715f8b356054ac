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

// A process that was ready for this long didn't fail because it was restarted too early.
const STABLE_AFTER_MS = 10_000;
// What a process said before its end is in its channel, and is read at once unless this process is very busy.
const CHANNEL_DRAIN_MS = 500;

/** How long a process may take, in milliseconds. */
export interface ProcessTimeouts {
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
}

/** What the owner of a {@link BackendLife} is told. */
export interface BackendLifeListener {
  /** A process is about to be started. If it throws, the process isn't. */
  onStarting(identity: BackendIdentity): void;
  /** It runs. */
  onStarted(process: AdoptableBackend): void;
  /** Clients may be sent to it. */
  onReady(life: BackendLife): void;
  /** It has been ready for so long that its end won't be a failed start. */
  onStable(): void;
  /** It takes no client any more. */
  onVacated(life: BackendLife, successor: BackendSuccession): void;
  /** Nothing is left of it. */
  onGone(life: BackendLife): void;
  onRefusedAnswer(why: RefusedAnswer): void;
}

/** Options of {@link BackendLife}. */
export interface BackendLifeOptions extends ProcessTimeouts {
  /** For people. */
  readonly name: string;
  /** Milliseconds until the process is started, unless it's asked for earlier. */
  readonly restartDelayMs: number;
  readonly inspect: InspectionObserver | undefined;
  /** What the process is to be started with, asked for when it is. */
  readonly processOptions: () => BackendProcessOptions;
}

type Running =
  | { readonly type: 'own'; readonly process: BackendProcess }
  | { readonly type: 'adopted'; readonly process: AdoptedProcess }
  | { readonly type: 'none' };

/** One process of a backend, from before its start until nothing is left of it: the chart decides, here is how it's done. */
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

  /** What is shown of the process. Undefined: it made room, and is still there. */
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

  get isAdopted(): boolean {
    return this.#running.type === 'adopted';
  }

  get pid(): number | undefined {
    const running = this.#running;
    if (running.type === 'none') return undefined;
    return running.type === 'own' ? running.process.pid : running.process.backend.pid;
  }

  /** Undefined as long as there is no process. */
  get identity(): BackendIdentity | undefined {
    return this.#identity;
  }

  /** The transfers to it; undefined where there is no channel. */
  get queue(): TransferQueue | undefined {
    return this.#running.type === 'own' ? this.#running.process.queue : undefined;
  }

  /** What a later broker needs to adopt it; undefined if there is no process. */
  get adoptable(): AdoptableBackend | undefined {
    const running = this.#running;
    if (running.type === 'none') return undefined;
    return running.type === 'own' ? running.process.adoptable : running.process.backend;
  }

  /** How it ended. */
  get exit(): ProcessExit {
    return this.#exit;
  }

  /** Why it was never ready, if nobody asked it to end. */
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

  /** Resolves when nothing is left of it, or it was left to itself. */
  get over(): Promise<void> {
    return this.#over;
  }

  ask(event: BackendLifecycleEvent): void {
    // What comes after the end has nobody to do it.
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send(event);
  }

  /** It runs already: an earlier broker started it. */
  adopt(process: AdoptedProcess): void {
    this.#running = { type: 'adopted', process };
    this.#showPid();
    this.#identity = process.backend;
    this.ask({ type: 'process.found' });
    process.listen({
      onClosed: () => this.ask({ type: 'channel.closed' }),
      onExited: () => this.ask({ type: 'process.exited', isChannelOpen: false }),
    });
  }

  /** Several processes of a backend may be there at a time: a person tells them apart by it. */
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
      case 'askToStop':
        if (this.#running.type === 'own') this.#running.process.askToStop();
        return;
      case 'terminate':
        this.#terminate();
        return;
      case 'kill':
        this.#isKilled = true;
        // How long an adopted one may take is known to who terminates it.
        if (this.#running.type === 'own') this.#running.process.kill();
        return;
      case 'vacated':
        this.#listener.onVacated(this, told.successor);
        return;
      case 'gone':
        if (this.#running.type === 'own') this.#running.process.cleanUp();
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
