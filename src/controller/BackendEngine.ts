import { type BackendHandoffEvent, backendHandoff } from '../../machines/backendHandoff';
import { windowRemainingMs } from '../../machines/failedAttemptWindow';
import type { ActorMirror } from './ActorMirror';
import type { BackendRecord } from './BackendRecord';
import type { Clock } from './Clock';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { HandoffExplanation } from './HandoffExplanation';
import type { HandoffFallbackPolicy } from './HandoffFallbackPolicy';
import { type HandoffEdge, type HandoffNode, HandoffTable } from './HandoffTable';
import { elapsedSymbol, eventOfSymbol, QUERIED, WINDOW_TIMER } from './handoffSymbols';
import type { FailedAttemptWindow } from './PersistedHandoffSnapshot';
import { WindowTimers } from './WindowTimers';

/** A moment that is read from the clock when it's first needed. */
export const UNREAD_MOMENT = Number.NaN;

/** Steps records through the chart's states and reads the chart's answers. Times are milliseconds on the clock. */
export class BackendEngine {
  /** The state of an unused backend. */
  readonly initial: HandoffNode;
  readonly #table: HandoffTable;
  readonly #windowMs: number;
  readonly #timers: WindowTimers<BackendRecord>;
  readonly #actors: ActorMirror;

  /** @param onError receives the clock's errors outside of a call. */
  constructor(
    policy: HandoffFallbackPolicy,
    clock: Clock,
    actors: ActorMirror,
    onError: (error: unknown) => void,
  ) {
    this.#table = new HandoffTable(policy);
    this.initial = this.#table.initial;
    this.#windowMs = policy.failedAttemptWindowMs;
    const onDue = (record: BackendRecord): void => void this.step(record, WINDOW_TIMER, record.openedAt);
    this.#timers = new WindowTimers(clock, onDue, onError);
    this.#actors = actors;
  }

  /** The symbol of an event that reads the window, depending on whether the window is over at that time. */
  readingSymbol(record: BackendRecord | undefined, symbol: number, at: number): number {
    return record?.hasWindowElapsed(at, this.#windowMs) ? elapsedSymbol(symbol) : symbol;
  }

  /** Answers a request. */
  decide(record: BackendRecord, request: number, at: number): HandoffAttemptDecision {
    const edge = this.step(record, this.readingSymbol(record, request, at), at);
    return edge.constantDecision ?? this.decisionOf(edge, record, at);
  }

  /** The event's edge, without taking the step. */
  edge(record: BackendRecord | undefined, symbol: number): HandoffEdge {
    return this.#table.edge(record?.node ?? this.initial, symbol);
  }

  /** Takes a step and notifies the record's actor. If the clock throws, it throws too and changes nothing. */
  step(record: BackendRecord, symbol: number, at: number): HandoffEdge {
    const known = record.node.edges[symbol];
    // Nearly all events: met before, seen by nobody, and with no effect on the window. Few calls, so that all are inlined.
    if (known === undefined || !known.isPlain || record.actor !== undefined) {
      return this.#stepWithEffects(record, symbol, at);
    }
    record.enter(known);
    return known;
  }

  #stepWithEffects(record: BackendRecord, symbol: number, at: number): HandoffEdge {
    if (record.actor !== undefined) this.#actors.checkNotTelling(record);
    const edge = this.#table.edge(record.node, symbol);
    this.followWindow(record, edge, at);
    this.take(record, edge, symbol);
    return edge;
  }

  /** The first half of a step: the window. If the clock throws, nothing has changed. */
  followWindow(record: BackendRecord, edge: HandoffEdge, at: number): void {
    if (edge.isPlain) return;
    // Only a success, which closes the window, has no time and needs none.
    const openedAt = edge.opensWindow ? at : record.openedAt;
    // Set the timer again at each counted failure: the caller's time may drift from the timers'.
    if (edge.armsTimer) this.#timers.arm(record, windowRemainingMs(openedAt, at, this.#windowMs));
    else this.#timers.disarm(record);
    record.openedAt = openedAt;
  }

  /** The second half of a step: the state and the actor. */
  take(record: BackendRecord, edge: HandoffEdge, symbol: number): void {
    record.enter(edge);
    if (record.actor !== undefined) this.#actors.send(record, eventOfSymbol(symbol));
  }

  /** The answer of a step that was taken. */
  decisionOf(edge: HandoffEdge, record: BackendRecord | undefined, at: number): HandoffAttemptDecision {
    const { decision } = edge;
    if (decision === undefined) throw new Error('The chart gave no answer');
    if (!edge.untilWindowEnds || record === undefined || decision.type === 'attempt') return decision;
    const { type, reason, usesBackendReconnect, sendsClientError } = decision;
    const retryAfterMs = record.windowRemainingMs(at, this.#windowMs);
    // Spreading a frozen object costs three times as much.
    return { type, reason, retryAfterMs, usesBackendReconnect, sendsClientError };
  }

  /** The state at a time, without changing anything. */
  stateAt(record: BackendRecord | undefined, at: number): HandoffExplanation['state'] {
    return this.edge(record, this.readingSymbol(record, QUERIED, at)).next.snapshot.value.handoff;
  }

  /** The window that is open at a time, without changing anything. */
  windowAt(record: BackendRecord | undefined, at: number): FailedAttemptWindow | undefined {
    if (!record?.node.hasWindow || record.hasWindowElapsed(at, this.#windowMs)) return undefined;
    return this.countedWindowAt(record, at);
  }

  /** The window of a record that has one, over or not. */
  countedWindowAt(record: BackendRecord, at: number): FailedAttemptWindow {
    return {
      failedAttempts: record.node.snapshot.context.failedAttempts,
      remainingMs: record.windowRemainingMs(at, this.#windowMs),
    };
  }

  explain(record: BackendRecord | undefined, request: number, at: number): HandoffExplanation {
    const symbol = this.readingSymbol(record, request, at);
    const state = this.stateAt(record, at);
    const window = this.windowAt(record, at);
    return {
      decision: this.decisionOf(this.edge(record, symbol), record, at),
      because: this.#table.because(record?.node ?? this.initial, symbol),
      state,
      stateMeans: backendHandoff.getStateNodeById(`backendHandoff.handoff.${state}`).description ?? '',
      ...(window && { window }),
    };
  }

  /** Resumes an earlier controller's window. */
  restoreWindow(
    record: BackendRecord,
    { failedAttempts, remainingMs }: FailedAttemptWindow,
    at: number,
  ): void {
    const event: BackendHandoffEvent = { type: 'window.restored', failedAttempts };
    record.openedAt = at - (this.#windowMs - Math.min(Math.max(0, remainingMs), this.#windowMs));
    const edge = this.#table.compute(record.node, event);
    this.followWindow(record, edge, at);
    record.enter(edge);
    this.#actors.send(record, event);
  }

  /** Clears the timer and actor of a removed record. */
  forget(record: BackendRecord): void {
    this.#timers.forget(record);
  }

  clear(): void {
    this.#timers.clear();
  }
}
