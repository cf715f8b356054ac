import {
  type BackendHandoffEmitted,
  type BackendHandoffEvent,
  type BackendHandoffSnapshot,
  backendHandoff,
  type HandoffAnswer,
} from '../../machines/backendHandoff';
import { answeringDescription } from '../chart/answeringDescription';
import { type ChartEffects, type ChartNode, ChartTable } from '../chart/ChartTable';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { HandoffFallbackPolicy } from './HandoffFallbackPolicy';
import { EVENTS, eventOfSymbol } from './handoffSymbols';

const ATTEMPT: HandoffAttemptDecision = Object.freeze({ type: 'attempt' });

/**
 * The effect of an event in a state, computed by the chart. A class, so that all edges have one hidden class: a decision on
 * mixed shapes costs twice as much.
 */
export class HandoffEdge {
  readonly next: HandoffNode;
  /** Change of the attempts in flight: -1, 0 or 1. */
  readonly inFlightChange: number;
  /** The chart's answer, if the event asks for one. */
  readonly decision: HandoffAttemptDecision | undefined;
  /** The complete answer, if it doesn't depend on the time left. */
  readonly constantDecision: HandoffAttemptDecision | undefined;
  /** The answer carries the time left in the window. */
  readonly untilWindowEnds: boolean;
  /** The window opens at the event's time. */
  readonly opensWindow: boolean;
  /** The window's timer is set again from the event's time. */
  readonly armsTimer: boolean;
  /** The window and its timer are unchanged. */
  readonly isPlain: boolean;

  constructor(
    from: HandoffNode,
    next: HandoffNode,
    { emitted, armsTimer }: ChartEffects<BackendHandoffEmitted>,
  ) {
    const answer = emitted.find((one) => one.type === 'attempt' || one.type === 'fallback');
    const count = (type: BackendHandoffEmitted['type']): number =>
      emitted.filter((one) => one.type === type).length;
    this.next = next;
    this.inFlightChange = count('attempt.started') - count('attempt.ended');
    this.decision = answer && decisionOf(answer);
    this.untilWindowEnds = answer?.type === 'fallback' && answer.untilWindowEnds;
    this.constantDecision = this.untilWindowEnds ? undefined : this.decision;
    this.opensWindow = count('window.opened') > 0;
    this.armsTimer = armsTimer || count('window.counted') > 0;
    this.isPlain = !this.opensWindow && !this.armsTimer && next.hasWindow === from.hasWindow;
  }
}

/** One state of a backend's chart. */
export class HandoffNode implements ChartNode<typeof backendHandoff, HandoffEdge> {
  readonly snapshot: BackendHandoffSnapshot;
  readonly hasWindow: boolean;
  /** A backend in this state is part of the persisted snapshot. */
  readonly outlivesController: boolean;
  readonly edges: (HandoffEdge | undefined)[] = EVENTS.map(() => undefined);

  constructor(snapshot: BackendHandoffSnapshot) {
    this.snapshot = snapshot;
    this.hasWindow = snapshot.hasTag('hasWindow');
    this.outlivesController = snapshot.hasTag('outlivesController');
  }
}

function decisionOf(answer: HandoffAnswer): HandoffAttemptDecision {
  if (answer.type === 'attempt') return ATTEMPT;
  return Object.freeze({
    type: 'fallbackToReconnect',
    reason: answer.reason,
    usesBackendReconnect: true,
    sendsClientError: false,
  });
}

/** The chart `backendHandoff` as a lookup table. */
export class HandoffTable extends ChartTable<
  typeof backendHandoff,
  BackendHandoffEmitted,
  HandoffEdge,
  HandoffNode
> {
  readonly #descriptions = new WeakMap<HandoffEdge, string>();

  constructor({ maxFailedAttemptsPerWindow, failedAttemptWindowMs }: HandoffFallbackPolicy) {
    super(backendHandoff, { maxFailedAttemptsPerWindow, failedAttemptWindowMs });
  }

  /** The chart's description of the transition that answers an event. */
  because(node: HandoffNode, symbol: number): string {
    const edge = this.edge(node, symbol);
    let description = this.#descriptions.get(edge);
    if (description === undefined) {
      description = answeringDescription(node.snapshot, eventOfSymbol(symbol)) ?? '';
      this.#descriptions.set(edge, description);
    }
    return description;
  }

  protected override eventOf(symbol: number): BackendHandoffEvent {
    return eventOfSymbol(symbol);
  }

  protected override nameOf({ value, context }: BackendHandoffSnapshot): string {
    return JSON.stringify([value, context.failedAttempts, context.attemptsInFlight]);
  }

  protected override makeNode(snapshot: BackendHandoffSnapshot): HandoffNode {
    return new HandoffNode(snapshot);
  }

  protected override makeEdge(
    from: HandoffNode,
    next: HandoffNode,
    _event: BackendHandoffEvent,
    effects: ChartEffects<BackendHandoffEmitted>,
  ): HandoffEdge {
    return new HandoffEdge(from, next, effects);
  }
}
