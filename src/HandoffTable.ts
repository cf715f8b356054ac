import {
  type BackendHandoffEmitted,
  type BackendHandoffEvent,
  type BackendHandoffSnapshot,
  backendHandoff,
} from '../machines/backendHandoff';
import { answeringDescription } from './answeringDescription';
import { type ChartEffects, type ChartNode, ChartTable } from './ChartTable';
import { eventOfClass } from './eventClass';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { HandoffFallbackPolicy } from './HandoffFallbackPolicy';

const ATTEMPT: HandoffAttemptDecision = Object.freeze({ type: 'attempt' });

/** What an event does in a state, as the chart said. */
interface Effects {
  readonly next: HandoffNode;
  /** What the event adds to the attempts in flight. */
  readonly inFlightChange: -1 | 0 | 1;
  /** The answer goes with what is left of the window. */
  readonly untilWindowEnds: boolean;
  /** The window opens, closes, or has its end scheduled anew. */
  readonly changesWindow: boolean;
  /** The window opens at the event's moment. */
  readonly opensWindow: boolean;
  /** The chart schedules the window's end. */
  readonly armsTimer: boolean;
}

/** An event's effects, with the chart's answer to it if it asks for one. */
export type HandoffEdge = Effects &
  (
    | {
        /** It starts an attempt or none, answers with a constant, and leaves the window alone. */
        readonly isPlainAnswer: true;
        readonly decision: HandoffAttemptDecision;
      }
    | { readonly isPlainAnswer: false; readonly decision: HandoffAttemptDecision | undefined }
  );

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
    return { snapshot, hasWindow: !snapshot.matches({ window: 'closed' }), edges: [] };
  }

  protected override makeEdge(
    from: HandoffNode,
    next: HandoffNode,
    event: BackendHandoffEvent,
    { emitted, armsTimer }: ChartEffects<BackendHandoffEmitted>,
  ): HandoffEdge {
    const answer = emitted.find((one) => one.type !== 'window.opened');
    const decision = answer && decisionOf(answer);
    const endsAttempt = 'othersInFlight' in event;
    const untilWindowEnds = answer?.type === 'fallback' && answer.untilWindowEnds;
    const opensWindow = emitted.some(({ type }) => type === 'window.opened');
    const changesWindow = opensWindow || armsTimer || next.hasWindow !== from.hasWindow;
    const effects: Effects = {
      next,
      inFlightChange: endsAttempt ? -1 : answer?.type === 'attempt' ? 1 : 0,
      untilWindowEnds,
      changesWindow,
      opensWindow,
      armsTimer,
    };
    return decision !== undefined && !endsAttempt && !untilWindowEnds && !changesWindow
      ? { ...effects, isPlainAnswer: true, decision }
      : { ...effects, isPlainAnswer: false, decision };
  }
}
