/** A statechart for drawing, read from a definition. */
export interface Chart {
  readonly root: ChartState;
  /** By {@link ChartState.id}. */
  readonly states: ReadonlyMap<string, ChartState>;
  /** By {@link ChartTransition.id}. */
  readonly transitions: ReadonlyMap<string, ChartTransition>;
  /** Whether the sender cut parts of the definition. */
  readonly isCut: boolean;
}

export type ChartStateKind = 'atomic' | 'compound' | 'parallel' | 'final' | 'history';

export interface ChartState {
  /** XState's id; with a number appended if an earlier state has the same one. */
  readonly id: string;
  readonly xstateId: string;
  readonly key: string;
  readonly path: readonly string[];
  readonly kind: ChartStateKind;
  /** What a history state remembers. */
  readonly history: 'shallow' | 'deep' | undefined;
  readonly description: string | undefined;
  readonly parent: ChartState | undefined;
  readonly children: readonly ChartState[];
  /** The id of the initial child. */
  readonly initial: string | undefined;
  /** Of a history state: the ids of the states to enter while there is nothing to remember. */
  readonly defaults: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly string[];
  readonly tags: readonly string[];
  readonly meta: string | undefined;
  readonly output: string | undefined;
  readonly transitions: readonly ChartTransition[];
  /** What the sender cut and isn't shown as cut elsewhere: names of the config's fields, or `everything`. */
  readonly cut: readonly string[];
}

export interface ChartTransition {
  /** Made by {@link transitionId}. */
  readonly id: string;
  readonly source: string;
  /** XState's event descriptor; empty for an eventless transition. */
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
  /** Targets that can't be drawn: their text, or {@link CUT} if the sender cut it. */
  readonly missingTargets: readonly string[];
  /** Whether the sender cut the transition's own fields. */
  readonly isCut: boolean;
  readonly reenter: boolean;
  /** The delay's name, or its milliseconds as text; undefined if it isn't a delayed transition. */
  readonly delay: string | undefined;
}

/** Stands for what the sender cut. */
export const CUT = '…';

/** A transition's id, for the chart and for reported transitions. `index` is its place among the source's for that event. */
export function transitionId(source: string, event: string, index: number): string {
  // Ids and events may contain spaces.
  return [source, event, index].join('\n');
}
