/** A statechart as it's drawn, read from a definition. */
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
  /** The id of the child that is entered first. */
  readonly initial: string | undefined;
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly string[];
  readonly tags: readonly string[];
  readonly transitions: readonly ChartTransition[];
}

export interface ChartTransition {
  /** Source, event and place among the source's transitions for that event. */
  readonly id: string;
  readonly source: string;
  /** As XState names it; empty for an eventless transition. */
  readonly event: string;
  readonly index: number;
  readonly kind: 'event' | 'after' | 'always' | 'done';
  /** The event, or the delay, for people. */
  readonly label: string;
  readonly guard: string | undefined;
  readonly description: string | undefined;
  readonly actions: readonly string[];
  /** Ids of states. Empty: nothing is left or entered. */
  readonly targets: readonly string[];
  readonly reenter: boolean;
  /** Of a delayed transition: its name, or milliseconds as text. */
  readonly delay: string | undefined;
}

/** A transition's id, as both the chart and a report of what was taken know it. */
export function transitionId(source: string, event: string, index: number): string {
  return `${source} ${event} ${index}`;
}
