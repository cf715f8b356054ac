import {
  type AnyStateMachine,
  type EventFromLogic,
  type ExecutableActionObject,
  type InputFrom,
  initialTransition,
  type SnapshotFrom,
  transition,
} from 'xstate';

/** Maximum number of cached states; a chart with a large counter in its context has too many to keep. */
const MAX_NODES = 4_096;

/** One state of a chart. */
export interface ChartNode<Machine extends AnyStateMachine, Edge> {
  readonly snapshot: SnapshotFrom<Machine>;
  /** By symbol; computed on first use. */
  readonly edges: (Edge | undefined)[];
}

/** A transition's effects besides the new state: emitted events, and whether it schedules a delayed transition. */
export interface ChartEffects<Emitted> {
  readonly emitted: readonly Emitted[];
  readonly armsTimer: boolean;
}

function effectsOf<Emitted>(actions: readonly ExecutableActionObject[]): ChartEffects<Emitted> {
  const emitted: Emitted[] = [];
  let armsTimer = false;
  for (const { type, params } of actions as readonly { type: string; params: unknown }[]) {
    // In these charts only delayed transitions raise an event with a delay.
    if (type === 'xstate.raise') armsTimer ||= (params as { delay?: number }).delay !== undefined;
    if (type === 'xstate.emit') emitted.push((params as { event: Emitted }).event);
  }
  return { emitted, armsTimer };
}

/**
 * A lookup table of a chart, built lazily: XState computes a transition on first use, and the table caches it. It has no
 * rules of its own. Symbols, numbered from 0, stand for events: in the same state, two events with the same symbol have the
 * same effect.
 */
export abstract class ChartTable<
  Machine extends AnyStateMachine,
  Emitted,
  Edge,
  Node extends ChartNode<Machine, Edge>,
> {
  /** The chart's initial state. */
  readonly initial: Node;
  readonly #machine: Machine;
  readonly #nodes = new Map<string, Node>();

  constructor(machine: Machine, input: InputFrom<Machine>) {
    this.#machine = machine;
    const [snapshot] = initialTransition(machine, input as never);
    this.initial = this.#nodeOf(snapshot as SnapshotFrom<Machine>);
  }

  /** Number of cached states. */
  get size(): number {
    return this.#nodes.size;
  }

  edge(node: Node, symbol: number): Edge {
    return node.edges[symbol] ?? this.#addEdge(node, symbol);
  }

  /** Computes the effect of an event without a symbol. */
  compute(node: Node, event: EventFromLogic<Machine>): Edge {
    const [snapshot, actions] = transition(this.#machine, node.snapshot, event);
    return this.makeEdge(node, this.#nodeOf(snapshot as SnapshotFrom<Machine>), event, effectsOf(actions));
  }

  /** A unique key for each state, including the relevant context. */
  protected abstract nameOf(snapshot: SnapshotFrom<Machine>): string;
  protected abstract makeNode(snapshot: SnapshotFrom<Machine>): Node;
  protected abstract makeEdge(
    from: Node,
    next: Node,
    event: EventFromLogic<Machine>,
    effects: ChartEffects<Emitted>,
  ): Edge;
  /** An event that has this symbol. */
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

  /** Current nodes stay valid; their edges are computed again on demand. */
  #startOver(): void {
    for (const node of this.#nodes.values()) node.edges.fill(undefined);
    this.#nodes.clear();
    this.#nodes.set(this.nameOf(this.initial.snapshot), this.initial);
  }
}
