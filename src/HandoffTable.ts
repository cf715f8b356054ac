import {
  type BackendHandoffEmitted,
  type BackendHandoffEvent,
  type BackendHandoffSnapshot,
  backendHandoff,
} from '../machines/backendHandoff';
import { answeringDescription } from './answeringDescription';
import { type ChartEffects, type ChartNode, ChartTable } from './ChartTable';
import { EVENTS, eventOfClass } from './eventClass';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { HandoffFallbackPolicy } from './HandoffFallbackPolicy';

const ATTEMPT: HandoffAttemptDecision = Object.freeze({ type: 'attempt' });

/**
 * What an event does in a state, as the chart said. A class, as the node is one: engines know objects by their shape, and
 * a decision that meets a second shape costs twice as much.
 */
export class HandoffEdge {
  readonly next: HandoffNode;
  /** What the event adds to the attempts in flight. */
  readonly inFlightChange: -1 | 0 | 1;
  /** The chart's answer, if the event asks for one. */
  readonly decision: HandoffAttemptDecision | undefined;
  /** The same, where it doesn't depend on the time that is left. */
  readonly constantDecision: HandoffAttemptDecision | undefined;
  /** The answer goes with what is left of the window. */
  readonly untilWindowEnds: boolean;
  /** The window opens, closes, or has its end scheduled anew. */
  readonly changesWindow: boolean;
  /** The window opens at the event's moment. */
  readonly opensWindow: boolean;
  /** The chart schedules the window's end. */
  readonly armsTimer: boolean;

  constructor(
    from: HandoffNode,
    next: HandoffNode,
    event: BackendHandoffEvent,
    { emitted, armsTimer }: ChartEffects<BackendHandoffEmitted>,
  ) {
    const answer = emitted.find((one) => one.type !== 'window.opened');
    const endsAttempt = 'othersInFlight' in event;
    this.next = next;
    this.inFlightChange = endsAttempt ? -1 : answer?.type === 'attempt' ? 1 : 0;
    this.decision = answer && decisionOf(answer);
    this.untilWindowEnds = answer?.type === 'fallback' && answer.untilWindowEnds;
    this.constantDecision = this.untilWindowEnds ? undefined : this.decision;
    this.opensWindow = emitted.some(({ type }) => type === 'window.opened');
    this.armsTimer = armsTimer;
    this.changesWindow = this.opensWindow || armsTimer || next.hasWindow !== from.hasWindow;
  }
}

/** One state of a backend's chart. */
export class HandoffNode implements ChartNode<typeof backendHandoff, HandoffEdge> {
  readonly snapshot: BackendHandoffSnapshot;
  readonly hasWindow: boolean;
  readonly edges: (HandoffEdge | undefined)[] = EVENTS.map(() => undefined);

  constructor(snapshot: BackendHandoffSnapshot) {
    this.snapshot = snapshot;
    this.hasWindow = !snapshot.matches({ window: 'closed' });
  }
}

function decisionOf(emitted: BackendHandoffEmitted): HandoffAttemptDecision | undefined {
  if (emitted.type === 'attempt') return ATTEMPT;
  if (emitted.type !== 'fallback') return undefined;
  return Object.freeze({
    type: 'fallbackToReconnect',
    reason: emitted.reason,
    usesBackendReconnect: true,
    sendsClientError: false,
  });
}

/** The chart of a backend as a table. */
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

  /** Why an event is answered as it is, in the chart's words. */
  because(node: HandoffNode, eventClass: number): string {
    const edge = this.edge(node, eventClass);
    let description = this.#descriptions.get(edge);
    if (description === undefined) {
      description = answeringDescription(node.snapshot, eventOfClass(eventClass)) ?? '';
      this.#descriptions.set(edge, description);
    }
    return description;
  }

  protected override eventOf(eventClass: number): BackendHandoffEvent {
    return eventOfClass(eventClass);
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
    event: BackendHandoffEvent,
    effects: ChartEffects<BackendHandoffEmitted>,
  ): HandoffEdge {
    return new HandoffEdge(from, next, event, effects);
  }
}
