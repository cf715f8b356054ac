import { getAdjacencyMap, getShortestPaths } from '@xstate/graph';
import {
  type ActorLogic,
  type ActorSystem,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventObject,
  initialTransition,
  type Snapshot,
  transition,
} from 'xstate';

/** A chart's state with what of the world decides which events can come next. */
export type WorldState<World> = Snapshot<unknown> & {
  readonly chart: AnyMachineSnapshot;
  readonly world: World;
};

export interface ChartStep<World> {
  readonly event: EventObject;
  /** The state after the event. */
  readonly state: WorldState<World>;
}

export type ChartPath<World> = readonly ChartStep<World>[];

/** Which chart to explore, and in which world. Anything beside the chart's `value` and the world is left out of account. */
export interface Exploration<World> {
  readonly machine: AnyStateMachine;
  readonly input: unknown;
  readonly world: World;
  /** The world after an event, of which the chart emitted `emitted`. */
  readonly next: (world: World, event: EventObject, emitted: readonly string[]) => World;
  /** The events that can come. */
  readonly eventsIn: (state: WorldState<World>) => readonly EventObject[];
}

/** The paths through a chart: to every state, along every edge, and longer ones. */
export class ChartGraph<World> {
  readonly #exploration: Exploration<World>;
  readonly #initial: WorldState<World>;
  readonly #logic: ActorLogic<WorldState<World>, EventObject, undefined, ActorSystem<never>>;

  constructor(exploration: Exploration<World>) {
    this.#exploration = exploration;
    const [chart] = initialTransition(exploration.machine, exploration.input as never);
    this.#initial = asState(chart, exploration.world);
    this.#logic = {
      transition: (state, event) => this.#step(state, event),
      getInitialSnapshot: () => this.#initial,
      getPersistedSnapshot: (state) => state,
    };
  }

  #step({ chart, world }: WorldState<World>, event: EventObject): WorldState<World> {
    const [next, actions] = transition(this.#exploration.machine, chart, event as never);
    const emitted = (actions as readonly { type: string; params: unknown }[])
      .filter(({ type }) => type === 'xstate.emit')
      .map(({ params }) => (params as { event: { type: string } }).event.type);
    return asState(next as AnyMachineSnapshot, this.#exploration.next(world, event, emitted));
  }

  get #options() {
    return {
      events: (state: WorldState<World>) => [...this.#exploration.eventsIn(state)],
      serializeState: nameOf,
    };
  }

  #edges(): Map<string, ChartStep<World>[]> {
    // Its keys are branded strings, which hides its values from `Object.values`.
    const map: object = getAdjacencyMap(this.#logic, this.#options);
    const nodes: { state: WorldState<World>; transitions: Record<string, ChartStep<World>> }[] =
      Object.values(map);
    return new Map(nodes.map(({ state, transitions }) => [nameOf(state), Object.values(transitions)]));
  }

  /** For every edge of the graph, the shortest path to its source and then the edge. */
  edgePaths(): ChartPath<World>[] {
    const toState = new Map(
      getShortestPaths(this.#logic, this.#options).map(({ state, steps }) => [
        nameOf(state),
        // The first step stands for the start.
        steps.slice(1).map((step) => ({ event: step.event, state: step.state })),
      ]),
    );
    return [...this.#edges()].flatMap(([name, edges]) =>
      edges.map((edge) => [...(toState.get(name) ?? []), edge]),
    );
  }

  /** Every walk of at most `maxSteps` steps, those that stay where they are included. */
  walks(maxSteps: number): ChartPath<World>[] {
    const edges = this.#edges();
    const paths: ChartPath<World>[] = [];
    const walk = (name: string, path: ChartPath<World>): void => {
      const nexts = edges.get(name) ?? [];
      if (path.length === maxSteps || nexts.length === 0) {
        paths.push(path);
        return;
      }
      for (const edge of nexts) walk(nameOf(edge.state), [...path, edge]);
    };
    walk(nameOf(this.#initial), []);
    return paths;
  }
}

function asState<World>(chart: AnyMachineSnapshot, world: World): WorldState<World> {
  return { status: 'active', output: undefined, error: undefined, chart, world };
}

function nameOf<World>({ chart, world }: WorldState<World>): string {
  return JSON.stringify([chart.value, world]);
}

/** A path in words, for the name of a failure. */
export function describeChartPath<World>(path: ChartPath<World>): string {
  return path.map(({ event }) => JSON.stringify(event)).join(' → ');
}
