import type { BackendLifecycleEvent } from '../../machines';

/** The delays of a process's life. */
export type LifecycleDelay =
  | 'restartDelay'
  | 'startTimeout'
  | 'stableAfter'
  | 'clientGrace'
  | 'leaveTimeout'
  | 'stopTimeout'
  | 'killTimeout'
  | 'channelDrain';

/** What happens to a process: the chart's events, and the passing of its delays. */
export type LifecycleHappening =
  | BackendLifecycleEvent
  | { readonly type: 'passed'; readonly delay: LifecycleDelay };

type Phase =
  | 'planned'
  | 'starting'
  | 'young'
  | 'stable'
  | 'adopted'
  | 'leaving'
  | 'lingering'
  | 'told'
  | 'untold'
  | 'asked'
  | 'terminated'
  | 'killed'
  | 'exited'
  | 'left'
  | 'gone';

const NO_PROCESS: readonly Phase[] = ['planned', 'exited', 'left', 'gone'];
const UP: readonly Phase[] = ['young', 'stable', 'adopted'];
const OWN_AND_UP: readonly Phase[] = ['young', 'stable'];
const RETIRING: readonly Phase[] = ['lingering', 'told', 'untold'];
const ENDS_BY: readonly Phase[] = ['asked', 'terminated', 'killed'];

/**
 * An independent model of one process of a backend in plain code. It must share no code with `machines` or `src`.
 */
export class LifecycleModel {
  phase: Phase = 'planned';
  #successor: 'afterBackoff' | 'atOnce' | 'never' = 'afterBackoff';
  #hasVacated = false;
  #wasReady = false;
  #told: string[] = [];

  /** What is shown of the process. */
  get shown(): string {
    if (this.phase === 'left' || this.phase === 'gone') return 'stopped';
    if (this.phase === 'planned' || (this.#successor === 'atOnce' && !this.#hasVacated)) return 'restarting';
    if (this.phase === 'starting') return 'starting';
    if (UP.includes(this.phase)) return 'ready';
    return RETIRING.includes(this.phase) || ENDS_BY.includes(this.phase) ? 'stopping' : 'none';
  }

  /** The events emitted when this happens. */
  take(happening: LifecycleHappening): string[] {
    this.#told = [];
    switch (happening.type) {
      case 'start.asked':
        if (this.phase === 'planned') this.#start();
        break;
      case 'process.found':
        if (this.phase !== 'planned') break;
        this.phase = 'adopted';
        this.#tellReady();
        break;
      case 'spawn.failed':
        if (this.phase === 'starting') this.#end();
        break;
      case 'process.listening':
        if (this.phase !== 'starting') break;
        this.phase = 'young';
        this.#tellReady();
        break;
      case 'process.exited':
        if (NO_PROCESS.includes(this.phase)) break;
        if (happening.isChannelOpen) this.phase = 'exited';
        else this.#end();
        break;
      case 'channel.closed':
        if (this.phase === 'exited') this.#end();
        break;
      case 'channel.opened':
        if (this.phase === 'adopted') this.#enter('stable', 'rejoined');
        break;
      case 'endpoint.closed':
        if (!UP.includes(this.phase)) break;
        this.phase = 'leaving';
        this.#vacate();
        break;
      case 'replacement.asked':
        if (this.phase === 'planned') this.#start();
        else {
          if (this.#successor === 'afterBackoff') this.#successor = 'atOnce';
          this.#makeEnd();
        }
        break;
      case 'retirement.asked':
        this.#successor = 'never';
        if (this.phase === 'planned') this.#end();
        else if (this.phase === 'starting') this.#enter('asked', 'askToStop');
        else if (this.phase === 'adopted') this.phase = 'untold';
        else if (UP.includes(this.phase)) this.phase = 'lingering';
        break;
      case 'stop.asked':
        this.#successor = 'never';
        if (this.phase === 'planned') this.#end();
        else if (this.phase === 'untold') this.#enter('terminated', 'terminate');
        else if (RETIRING.includes(this.phase)) this.#enter('asked', 'askToStop');
        else this.#makeEnd();
        break;
      case 'kill.asked':
        if (!this.#hasVacated) this.#successor = 'never';
        if (this.phase === 'planned') this.#end();
        else if (!NO_PROCESS.includes(this.phase)) this.#enter('killed', 'kill');
        break;
      case 'leave.asked':
        this.#successor = 'never';
        if (this.phase === 'planned') this.#end();
        else if (this.phase === 'starting' || RETIRING.includes(this.phase))
          this.#enter('asked', 'askToStop');
        else if (UP.includes(this.phase) || this.phase === 'leaving') {
          this.phase = 'left';
          this.#told.push('left');
          this.#vacate();
        }
        break;
      case 'passed':
        this.#pass(happening.delay);
        break;
    }
    return this.#told;
  }

  #pass(delay: LifecycleDelay): void {
    switch (delay) {
      case 'restartDelay':
        if (this.phase === 'planned') this.#start();
        break;
      case 'startTimeout':
        if (this.phase === 'starting') this.#enter('killed', 'kill');
        break;
      case 'stableAfter':
        if (this.phase === 'young') this.#enter('stable', 'stable');
        break;
      case 'clientGrace':
        if (this.phase === 'lingering') this.#enter('told', 'askToStop');
        break;
      case 'leaveTimeout':
        if (this.phase === 'leaving') this.#enter('terminated', 'terminate');
        break;
      case 'stopTimeout':
        if (this.phase === 'asked') this.#enter('terminated', 'terminate');
        break;
      case 'killTimeout':
        if (this.phase === 'terminated') this.#enter('killed', 'kill');
        break;
      case 'channelDrain':
        if (this.phase === 'exited') this.#end();
        break;
    }
  }

  #enter(phase: Phase, told: string): void {
    this.phase = phase;
    this.#told.push(told);
  }

  #start(): void {
    this.#enter('starting', 'spawn');
  }

  #makeEnd(): void {
    if (this.phase === 'adopted') this.#enter('terminated', 'terminate');
    else if (this.phase === 'starting' || OWN_AND_UP.includes(this.phase)) this.#enter('asked', 'askToStop');
  }

  #tellReady(): void {
    this.#wasReady = true;
    this.#told.push('ready');
  }

  #vacate(): void {
    if (this.#hasVacated) return;
    this.#hasVacated = true;
    this.#told.push(`vacated ${this.#successor}`);
    if (!this.#wasReady) this.#told.push('neverReady');
  }

  #end(): void {
    this.#vacate();
    this.#enter('gone', 'gone');
  }
}
