import {
  type AnyStateMachine,
  type EventFromLogic,
  type ExecutableActionObject,
  type InputFrom,
  initialTransition,
  type SnapshotFrom,
  transition,
} from 'xstate';

/** States held at the most; a chart with a large count in its context has more of them than are worth keeping. */
const MAX_NODES = 4_096;

/** One state of a chart. */
export interface ChartNode<Machine extends AnyStateMachine, Edge> {
  readonly snapshot: SnapshotFrom<Machine>;
  /** By symbol, as far as they have been needed. */
  readonly edges: (Edge | undefined)[];
}

/** What the chart does besides taking a new state: what it emits, and whether it schedules a delayed transition. */
export interface ChartEffects<Emitted> {
  readonly emitted: readonly Emitted[];
  readonly armsTimer: boolean;
}

function effectsOf<Emitted>(actions: readonly ExecutableActionObject[]): ChartEffects<Emitted> {
  const emitted: Emitted[] = [];
  let armsTimer = false;
  for (const { type, params } of actions as readonly { type: string; params: unknown }[]) {
    // No chart of ours raises anything with a delay but its own delayed transitions.
    if (type === 'xstate.raise') armsTimer ||= (params as { delay?: number }).delay !== undefined;
    if (type === 'xstate.emit') emitted.push((params as { event: Emitted }).event);
  }
  return { emitted, armsTimer };
}

/**
 * A chart, determinized as it runs: a transition that has not been needed before is computed by XState from the chart
 * and kept; one that has is a lookup. It holds no rule of its own. Symbols, numbered from 0, stand for events: from the
 * same state, two events of one symbol have the same effect.
 */
export abstract class ChartTable<
  Machine extends AnyStateMachine,
  Emitted,
  Edge,
  Node extends ChartNode<Machine, Edge>,
> {
  /** The state of an actor that nothing has happened to. */
  readonly initial: Node;
  readonly #machine: Machine;
  readonly #nodes = new Map<string, Node>();

  constructor(machine: Machine, input: InputFrom<Machine>) {
    this.#machine = machine;
    const [snapshot] = initialTransition(machine, input as never);
    this.initial = this.#nodeOf(snapshot as SnapshotFrom<Machine>);
  }

  /** How many states it holds. */
  get size(): number {
    return this.#nodes.size;
  }

  edge(node: Node, symbol: number): Edge {
    return node.edges[symbol] ?? this.#addEdge(node, symbol);
  }

  /** What an event does that no symbol stands for. */
  compute(node: Node, event: EventFromLogic<Machine>): Edge {
    const [snapshot, actions] = transition(this.#machine, node.snapshot, event);
    return this.makeEdge(node, this.#nodeOf(snapshot as SnapshotFrom<Machine>), event, effectsOf(actions));
  }

  /** A name that tells apart the chart's states, whatever of the context belongs to them. */
  protected abstract nameOf(snapshot: SnapshotFrom<Machine>): string;
  protected abstract makeNode(snapshot: SnapshotFrom<Machine>): Node;
  protected abstract makeEdge(
    from: Node,
    next: Node,
    event: EventFromLogic<Machine>,
    effects: ChartEffects<Emitted>,
  ): Edge;
  /** The event that a symbol stands for. */
  protected abstract eventOf(symbol: number): EventFromLogic<Machine>;

  #addEdge(node: Node, symbol: number): Edge {
    const edge = this.compute(node, this.eventOf(symbol));
    node.edges[symbol] = edge;
    return edge;
  }

  #nodeOf(snapshot: SnapshotFrom<Machine>): Node {
    const name = this.nameOf(snapshot);
    const known = this.#nodes.get(name);
    if (known) return known;
    if (this.#nodes.size >= MAX_NODES) this.#startOver();
    const node = this.makeNode(snapshot);
    this.#nodes.set(name, node);
    return node;
  }

  /** Actors stay where they are; what leads on from there is computed again when needed. */
  #startOver(): void {
    for (const node of this.#nodes.values()) node.edges.fill(undefined);
    this.#nodes.clear();
    this.#nodes.set(this.nameOf(this.initial.snapshot), this.initial);
  }
}
