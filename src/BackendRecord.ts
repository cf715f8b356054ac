import { type Actor, createActor, type InspectionEvent, type Observer } from 'xstate';
import {
  type BackendHandoffEmitted,
  type BackendHandoffEvent,
  backendHandoff,
} from '../machines/backendHandoff';
import { hasWindowElapsed, windowRemainingMs } from '../machines/failedAttemptWindow';
import { type BackendId, backendDisplayName } from './BackendKey';
import type { Clock } from './Clock';
import type { HandoffFallbackPolicy } from './HandoffFallbackPolicy';
import type { PersistedBackend } from './PersistedHandoffSnapshot';

/** The longest delay that one timer of the platform can hold. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The chart has one timer, so one id serves. */
const WINDOW_TIMER = 'window';

/** The actor of one backend's chart. */
export type BackendHandoffActor = Actor<typeof backendHandoff>;

/** What the chart answered to a request or a failure. */
export type BackendHandoffAnswer = Exclude<BackendHandoffEmitted, { type: 'window.opened' }>;

/** What the controller knows and the chart does not: time and the number of attempts. */
export interface EventFacts {
  /** The open window is over at the event's moment. */
  readonly windowElapsed: boolean;
  /** If the event ends an attempt: others stay in flight. */
  readonly othersInFlight: boolean;
}

/** One backend: its chart's actor, and the data that stands beside the chart's state. */
export class BackendRecord {
  readonly actor: BackendHandoffActor;
  #attemptsInFlight = 0;
  #openedAt: number | undefined;
  #answer: BackendHandoffAnswer | undefined;
  /** The moment of the event that is being processed. */
  #now = 0;
  #processing = false;
  #inspection: { unsubscribe(): void } | undefined;

  constructor(
    readonly backend: BackendId,
    policy: HandoffFallbackPolicy,
    clock: Clock,
    inspect: ((event: InspectionEvent) => void) | undefined,
  ) {
    let timer: unknown;
    const arm = (fn: () => void, ms: number) => {
      const delay = Math.min(ms, MAX_TIMER_MS);
      timer = clock.setTimeout(() => {
        if (ms > delay) arm(fn, ms - delay);
        else fn();
      }, delay);
    };
    this.actor = createActor(backendHandoff, {
      id: backendDisplayName(backend),
      input: {
        maxFailedAttemptsPerWindow: policy.maxFailedAttemptsPerWindow,
        failedAttemptWindowMs: policy.failedAttemptWindowMs,
      },
      // The chart has one delayed transition; its timer runs for what is left of the window at the event's moment.
      clock: {
        setTimeout: (fn: () => void, windowMs: number) => {
          arm(() => this.#process(fn), windowRemainingMs(this.#openedAt ?? this.#now, this.#now, windowMs));
          // XState clears only what has an id.
          return WINDOW_TIMER;
        },
        clearTimeout: () => clock.clearTimeout(timer),
      },
    });
    if (inspect) {
      inspect({ type: '@xstate.actor', actorRef: this.actor, rootId: this.actor.sessionId });
      this.watch(inspect);
    }
    this.actor.on('*', (emitted) => {
      if (emitted.type === 'window.opened') this.#openedAt = this.#now;
      else this.#answer = emitted;
    });
    this.actor.start();
  }

  /** The facts for an event at `now`. */
  factsAt(now: number): EventFacts {
    return { windowElapsed: this.hasWindowElapsed(now), othersInFlight: this.#attemptsInFlight > 1 };
  }

  /** Whether there is a window that is over at `now`. */
  hasWindowElapsed(now: number): boolean {
    return this.#openedAt !== undefined && hasWindowElapsed(this.#openedAt, now, this.#windowMs);
  }

  /** What is left of the window at `now`; undefined if there is none. */
  windowRemainingMs(now: number): number | undefined {
    return this.#openedAt === undefined ? undefined : windowRemainingMs(this.#openedAt, now, this.#windowMs);
  }

  /**
   * Sends an event to the chart and returns its answer, if it gave one.
   * @throws Error called by an observer of this backend's actor, while it processes another event
   */
  send(event: BackendHandoffEvent, now: number): BackendHandoffAnswer | undefined {
    this.#now = now;
    this.#process(() => this.actor.send(event));
    if (this.actor.getSnapshot().matches({ window: 'closed' })) this.#openedAt = undefined;
    const answer = this.#takeAnswer();
    if (answer?.type === 'attempt') this.#attemptsInFlight++;
    else if ('othersInFlight' in event) this.#attemptsInFlight = Math.max(0, this.#attemptsInFlight - 1);
    return answer;
  }

  /** What an earlier controller's successor needs; undefined if the chart says nothing worth keeping. */
  persist(now: number): PersistedBackend | undefined {
    const { value, context } = this.actor.getSnapshot();
    const adopted = value.handoff === 'adopted';
    const remainingMs = this.windowRemainingMs(now);
    if (remainingMs === undefined) return adopted ? { backend: this.backend, adopted } : undefined;
    return {
      backend: this.backend,
      adopted,
      window: { failedAttempts: context.failedAttempts, remainingMs },
    };
  }

  /** Tells an observer of the living actor as if it had just been started. */
  replayTo(observer: Partial<Observer<InspectionEvent>>): void {
    const base = { actorRef: this.actor, rootId: this.actor.sessionId };
    observer.next?.({ ...base, type: '@xstate.actor' });
    observer.next?.({
      ...base,
      type: '@xstate.snapshot',
      event: { type: 'xstate.init' },
      snapshot: this.actor.getSnapshot(),
    });
  }

  /** Tells `inspect` of all that happens to the actor, once. */
  watch(inspect: (event: InspectionEvent) => void): void {
    this.#inspection ??= this.actor.system.inspect(inspect);
  }

  unwatch(): void {
    this.#inspection?.unsubscribe();
    this.#inspection = undefined;
  }

  /** Opens the window of an earlier controller, with `remainingMs` left of it at `now`. */
  restoreWindow(failedAttempts: number, remainingMs: number, now: number): void {
    this.#openedAt = now - (this.#windowMs - Math.min(remainingMs, this.#windowMs));
    this.send({ type: 'window.restored', failedAttempts }, now);
  }

  #takeAnswer(): BackendHandoffAnswer | undefined {
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }

  get #windowMs(): number {
    return this.actor.getSnapshot().context.failedAttemptWindowMs;
  }

  #process(step: () => void): void {
    if (this.#processing) {
      // XState would queue the event and answer later; the caller needs the answer now.
      throw Object.assign(
        new Error(`${this.actor.id}: an observer of the backend's actor can't call the controller for it`),
        { code: 'ERR_REENTRANT_CALL' },
      );
    }
    this.#processing = true;
    try {
      step();
    } finally {
      this.#processing = false;
    }
  }
}
