/** A statechart for drawing, read from a definition. */
export interface Chart {
  readonly root: ChartState;
  readonly states: ReadonlyMap<string, ChartState>;
  readonly transitions: ReadonlyMap<string, ChartTransition>;
}

export type ChartStateKind = 'atomic' | 'compound' | 'parallel' | 'final' | 'history';

export interface ChartState {
  readonly id: string;
  readonly key: string;
  readonly path: readonly string[];
  readonly kind: ChartStateKind;
  readonly description: string | undefined;
  readonly parent: ChartState | undefined;
  readonly children: readonly ChartState[];
  /** The id of the initial child. */
  readonly initial: string | undefined;
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly string[];
  readonly tags: readonly string[];
  readonly transitions: readonly ChartTransition[];
}

export interface ChartTransition {
  /** Made by {@link transitionId}. */
  readonly id: string;
  readonly source: string;
  /** XState's event type; empty for an eventless transition. */
  readonly event: string;
  readonly index: number;
  readonly kind: 'event' | 'after' | 'always' | 'done';
  /** The displayed event or delay. */
  readonly label: string;
  readonly guard: string | undefined;
  readonly description: string | undefined;
  readonly actions: readonly string[];
  /** Ids of states; empty for a transition without a target. */
  readonly targets: readonly string[];
  readonly reenter: boolean;
  /** The delay's name, or its milliseconds as text; undefined if it isn't a delayed transition. */
  readonly delay: string | undefined;
}

/** A transition's id, for the chart and for reported transitions. `index` is its place among the source's for that event. */
export function transitionId(source: string, event: string, index: number): string {
  return `${source} ${event} ${index}`;
}
