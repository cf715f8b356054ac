import {
  type BackendHandoffEmitted,
  type BackendHandoffEvent,
  type BackendHandoffSnapshot,
  backendHandoff,
} from '../machines/backendHandoff';
import { type ChartEffects, type ChartNode, ChartTable } from './ChartTable';
import { eventOfClass } from './eventClass';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { HandoffFallbackPolicy } from './HandoffFallbackPolicy';

const ATTEMPT: HandoffAttemptDecision = Object.freeze({ type: 'attempt' });

/** What an event does in a state, as the chart said. */
export interface HandoffEdge {
  readonly next: HandoffNode;
  /** The chart's answer, if the event asks for one. */
  readonly decision: HandoffAttemptDecision | undefined;
  /** The answer goes with what is left of the window. */
  readonly untilWindowEnds: boolean;
  /** The window opens at the event's moment. */
  readonly opensWindow: boolean;
  /** What the event adds to the attempts in flight. */
  readonly inFlightChange: -1 | 0 | 1;
  /** The chart schedules the window's end. */
  readonly armsTimer: boolean;
}

/** One state of a backend's chart. */
export interface HandoffNode extends ChartNode<typeof backendHandoff, HandoffEdge> {
  readonly hasWindow: boolean;
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
  constructor({ maxFailedAttemptsPerWindow, failedAttemptWindowMs }: HandoffFallbackPolicy) {
    super(backendHandoff, { maxFailedAttemptsPerWindow, failedAttemptWindowMs });
  }

  protected override eventOf(eventClass: number): BackendHandoffEvent {
    return eventOfClass(eventClass);
  }

  protected override nameOf({ value, context }: BackendHandoffSnapshot): string {
    return JSON.stringify([value, context.failedAttempts, context.attemptsInFlight]);
  }

  protected override makeNode(snapshot: BackendHandoffSnapshot): HandoffNode {
    return { snapshot, hasWindow: !snapshot.matches({ window: 'closed' }), edges: [] };
  }

  protected override makeEdge(
    next: HandoffNode,
    event: BackendHandoffEvent,
    { emitted, armsTimer }: ChartEffects<BackendHandoffEmitted>,
  ): HandoffEdge {
    const edge = {
      next,
      decision: undefined as HandoffAttemptDecision | undefined,
      untilWindowEnds: false,
      opensWindow: false,
      inFlightChange: ('othersInFlight' in event ? -1 : 0) as -1 | 0 | 1,
      armsTimer,
    };
    for (const told of emitted) {
      edge.decision ??= decisionOf(told);
      if (told.type === 'attempt') edge.inFlightChange = 1;
      edge.opensWindow ||= told.type === 'window.opened';
      edge.untilWindowEnds ||= told.type === 'fallback' && told.untilWindowEnds;
    }
    return edge;
  }
}
