import { initialTransition, transition } from 'xstate';
import {
  type BackendHandoffEmitted,
  type BackendHandoffEvent,
  type BackendHandoffSnapshot,
  backendHandoff,
} from '../machines/backendHandoff';
import { answeringDescription } from './answeringDescription';
import { eventOfClass } from './eventClass';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { HandoffFallbackPolicy } from './HandoffFallbackPolicy';

/** States held at the most; a chart with a large budget has more of them than are worth keeping. */
const MAX_NODES = 4_096;

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

/** One state of the chart. */
export interface HandoffNode {
  readonly snapshot: BackendHandoffSnapshot;
  readonly hasWindow: boolean;
  /** By event class, as far as they have been needed. */
  readonly edges: (HandoffEdge | undefined)[];
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

/**
 * The chart, determinized as it runs: a transition that has not been needed before is computed by XState from the
 * chart and kept; one that has is a lookup. It holds no rule of its own.
 */
export class HandoffTable {
  /** The state of a backend that nothing has happened to. */
  readonly initial: HandoffNode;
  readonly #nodes = new Map<string, HandoffNode>();
  readonly #descriptions = new WeakMap<HandoffEdge, string>();

  constructor({ maxFailedAttemptsPerWindow, failedAttemptWindowMs }: HandoffFallbackPolicy) {
    const [snapshot] = initialTransition(backendHandoff, {
      maxFailedAttemptsPerWindow,
      failedAttemptWindowMs,
    });
    this.initial = this.#nodeOf(snapshot);
  }

  /** How many states it holds. */
  get size(): number {
    return this.#nodes.size;
  }

  edge(node: HandoffNode, eventClass: number): HandoffEdge {
    return node.edges[eventClass] ?? this.#addEdge(node, eventClass);
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

  /** What an event does that belongs to no class. */
  compute(node: HandoffNode, event: BackendHandoffEvent): HandoffEdge {
    const [snapshot, actions] = transition(backendHandoff, node.snapshot, event);
    const emitted: BackendHandoffEmitted[] = [];
    let armsTimer = false;
    for (const { type, params } of actions as readonly { type: string; params: unknown }[]) {
      if (type === 'xstate.emit') emitted.push((params as { event: BackendHandoffEmitted }).event);
      // The chart raises nothing with a delay but the window's end.
      if (type === 'xstate.raise') armsTimer ||= (params as { delay?: number }).delay !== undefined;
    }
    const next = this.#nodeOf(snapshot);
    const answer = emitted.find((one) => one.type !== 'window.opened');
    const decision = answer && decisionOf(answer);
    const endsAttempt = 'othersInFlight' in event;
    const untilWindowEnds = answer?.type === 'fallback' && answer.untilWindowEnds;
    const opensWindow = emitted.some(({ type }) => type === 'window.opened');
    const changesWindow = opensWindow || armsTimer || next.hasWindow !== node.hasWindow;
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

  #addEdge(node: HandoffNode, eventClass: number): HandoffEdge {
    const edge = this.compute(node, eventOfClass(eventClass));
    node.edges[eventClass] = edge;
    return edge;
  }

  #nodeOf(snapshot: BackendHandoffSnapshot): HandoffNode {
    const { failedAttempts, attemptsInFlight } = snapshot.context;
    const name = JSON.stringify([snapshot.value, failedAttempts, attemptsInFlight]);
    const known = this.#nodes.get(name);
    if (known) return known;
    if (this.#nodes.size >= MAX_NODES) this.#startOver();
    const node = { snapshot, hasWindow: !snapshot.matches({ window: 'closed' }), edges: [] };
    this.#nodes.set(name, node);
    return node;
  }

  /** Backends stay where they are; what leads on from there is computed again when needed. */
  #startOver(): void {
    for (const node of this.#nodes.values()) node.edges.length = 0;
    this.#nodes.clear();
    const { value, context } = this.initial.snapshot;
    this.#nodes.set(JSON.stringify([value, context.failedAttempts, context.attemptsInFlight]), this.initial);
  }
}
