import { getAdjacencyMap, getShortestPaths } from '@xstate/graph';
import {
  type ActorLogic,
  type ActorSystem,
  createActor,
  initialTransition,
  type Snapshot,
  transition,
} from 'xstate';
import {
  type BackendHandoffEvent,
  type BackendHandoffSnapshot,
  backendHandoff,
  HANDOFF_FAILURES,
} from '../../machines';
import type { HandoffAttemptInputs } from '../../src';

/** The chart's budget in the explored graph: small, and large enough that count 1 differs from "used up". */
export const EXPLORED_MAXIMUM = 2;
/** The window in the explored graph; its length means nothing to the graph. */
export const EXPLORED_WINDOW_MS = 30_000;
/** How many attempts may overlap in the explored graph. */
const MAX_IN_FLIGHT = 2;

export const WINDOW_TIMER_EVENT = 'xstate.after.failedAttemptWindow.backendHandoff.window.open';

/** What the outside does to the chart: its events, and the firing of the window's timer. */
export type OutsideEvent = BackendHandoffEvent | { readonly type: typeof WINDOW_TIMER_EVENT };

/** The chart's state with the number of attempts beside it: which events the outside can send depends on it. */
export type GraphState = Snapshot<unknown> & {
  readonly chart: BackendHandoffSnapshot;
  readonly inFlight: number;
};

export interface GraphStep {
  readonly event: OutsideEvent;
  /** The state after the event. */
  readonly state: GraphState;
}

export type GraphPath = readonly GraphStep[];

const BOOLEANS = [true, false] as const;

/** All 24 combinations of a request's inputs. */
export const ALL_INPUTS: readonly HandoffAttemptInputs[] = BOOLEANS.flatMap((clientSupportsHandoff) =>
  BOOLEANS.flatMap((servicePolicyEnabled) =>
    BOOLEANS.flatMap((fdPressureDisabled) =>
      [true, false, undefined].map((backendAdoptedExisting) => ({
        clientSupportsHandoff,
        servicePolicyEnabled,
        fdPressureDisabled,
        ...(backendAdoptedExisting !== undefined && { backendAdoptedExisting }),
      })),
    ),
  ),
);

function step({ chart, inFlight }: GraphState, event: OutsideEvent): GraphState {
  // The timer's event is XState's own, so the chart's type doesn't have it.
  const [next, actions] = transition(backendHandoff, chart, event as BackendHandoffEvent);
  const attempts = actions.some(
    ({ type, params }) =>
      (type as string) === 'xstate.emit' && (params as { event: { type: string } }).event.type === 'attempt',
  );
  const ended = 'othersInFlight' in event && inFlight > 0 ? 1 : 0;
  return asState(next, inFlight + (attempts ? 1 : 0) - ended);
}

function asState(chart: BackendHandoffSnapshot, inFlight: number): GraphState {
  return { status: 'active', output: undefined, error: undefined, chart, inFlight };
}

const initial = asState(
  initialTransition(backendHandoff, {
    maxFailedAttemptsPerWindow: EXPLORED_MAXIMUM,
    failedAttemptWindowMs: EXPLORED_WINDOW_MS,
  })[0],
  0,
);

const logic: ActorLogic<GraphState, OutsideEvent, undefined, ActorSystem<never>> = {
  transition: step,
  getInitialSnapshot: () => initial,
  getPersistedSnapshot: (state) => state,
};

/** The events that the outside can send in a state, with all that time may say in it. */
function eventsIn({ chart, inFlight }: GraphState): OutsideEvent[] {
  const isInitial = chart === initial.chart;
  const window = chart.value.window;
  // Without a window nothing can be over; an open one may be over before its timer fires; and a timer may be early.
  const timeSays = window === 'closed' ? [false] : BOOLEANS;
  const othersInFlight = inFlight > 1;
  const events: OutsideEvent[] = [
    ...timeSays.flatMap((windowElapsed): OutsideEvent[] => [
      ...ALL_INPUTS.map((inputs) => ({ type: 'request', ...inputs, windowElapsed }) as const),
      ...HANDOFF_FAILURES.map(
        (failure) => ({ type: 'attempt.failed', failure, othersInFlight, windowElapsed }) as const,
      ),
      { type: 'count.queried', windowElapsed },
    ]),
    { type: 'attempt.succeeded', othersInFlight },
    { type: 'attempt.abandoned', othersInFlight },
    { type: 'backend.adopted' },
    { type: 'backend.spawned' },
    { type: 'backend.rejoined' },
  ];
  if (window === 'open') events.push({ type: WINDOW_TIMER_EVENT });
  // Only a new controller restores, so only a backend that nothing has happened to.
  if (isInitial) {
    for (let failedAttempts = 0; failedAttempts <= EXPLORED_MAXIMUM + 1; failedAttempts++) {
      events.push({ type: 'window.restored', failedAttempts });
    }
  }
  if (inFlight < MAX_IN_FLIGHT) return events;
  return events.filter((event) => step({ ...asState(chart, inFlight) }, event).inFlight <= MAX_IN_FLIGHT);
}

function nameOf({ chart, inFlight }: GraphState): string {
  const { failedAttempts, attemptsInFlight } = chart.context;
  return JSON.stringify([chart.value, failedAttempts, attemptsInFlight, inFlight]);
}

/** Which of a state's events the outside can really send. */
export type EventFilter = (state: GraphState, event: OutsideEvent) => boolean;

const anyEvent: EventFilter = () => true;

function optionsFor(filter: EventFilter) {
  return {
    events: (state: GraphState) => eventsIn(state).filter((event) => filter(state, event)),
    serializeState: nameOf,
  };
}

/** Every state of the graph by name, with its edges. */
function adjacency(filter: EventFilter): [name: string, edges: GraphStep[]][] {
  // Its keys are branded strings, which hides its values from `Object.values`.
  const map: object = getAdjacencyMap(logic, optionsFor(filter));
  const nodes: { state: GraphState; transitions: Record<string, GraphStep> }[] = Object.values(map);
  return nodes.map(({ state, transitions }) => [nameOf(state), Object.values(transitions)]);
}

/** The chart's own transitions and states that a path goes through. */
export function visitedBy(path: GraphPath): Set<object> {
  const visited = new Set<object>();
  let chart = initial.chart;
  const visit = (event: OutsideEvent): void => {
    const actor = createActor(backendHandoff, {
      snapshot: chart,
      input: chart.context,
      inspect: (inspected) => {
        if (inspected.type !== '@xstate.microstep') return;
        for (const one of inspected._transitions) visited.add(one);
        if ('_nodes' in inspected.snapshot) {
          for (const node of inspected.snapshot._nodes as object[]) visited.add(node);
        }
      },
    });
    actor.start();
    actor.send(event as BackendHandoffEvent);
    chart = actor.getSnapshot();
    actor.stop();
  };
  for (const { event } of path) visit(event);
  return visited;
}

/** The shortest path to every state of the graph. */
export function shortestPaths(filter = anyEvent): GraphPath[] {
  return getShortestPaths(logic, optionsFor(filter)).map(({ steps }) =>
    // The first step stands for the start.
    steps.slice(1).map(({ event, state }) => ({ event, state })),
  );
}

/** For every edge of the graph, the shortest path to its source and then the edge. */
export function edgePaths(filter = anyEvent): GraphPath[] {
  const toState = new Map(
    getShortestPaths(logic, optionsFor(filter)).map((path) => [nameOf(path.state), path.steps.slice(1)]),
  );
  return adjacency(filter).flatMap(([name, edges]) =>
    edges.map((edge) => [...(toState.get(name) ?? []), edge]),
  );
}

/**
 * Longer paths: every walk of at most `maxSteps` steps that reaches no state twice, with one edge for all that lead from one
 * state to the same next one; at most `maxPaths`.
 */
export function longPaths(maxSteps: number, maxPaths: number): GraphPath[] {
  const nextOf = new Map(
    adjacency(anyEvent).map(([name, edges]) => [
      name,
      [...new Map(edges.map((edge) => [nameOf(edge.state), edge]))].filter(([next]) => next !== name),
    ]),
  );
  const paths: GraphPath[] = [];
  const walk = (name: string, path: GraphPath, seen: ReadonlySet<string>): void => {
    const nexts = (nextOf.get(name) ?? []).filter(([next]) => !seen.has(next));
    if (path.length === maxSteps || nexts.length === 0) {
      paths.push(path);
      return;
    }
    for (const [next, edge] of nexts) {
      if (paths.length >= maxPaths) return;
      walk(next, [...path, edge], new Set([...seen, next]));
    }
  };
  walk(nameOf(initial), [], new Set([nameOf(initial)]));
  return paths;
}

/** A path in words, for the name of a failure. */
export function describePath(path: GraphPath): string {
  return path.map(({ event }) => JSON.stringify(event)).join(' → ');
}
