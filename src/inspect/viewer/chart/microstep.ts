import type { Chart, ChartState, ChartTransition } from './Chart';

/** What history states remember, by their ids. */
export type HistoryValue = ReadonlyMap<string, readonly ChartState[]>;

/** The active states of a chart, with what its history states remember: undefined if that isn't known. */
export interface Configuration {
  readonly states: ReadonlySet<ChartState>;
  readonly history: HistoryValue | undefined;
}

/** What taking transitions at the same time does. */
export interface MicrostepResult {
  readonly configuration: Configuration;
  /** The given transitions without those that others preempt. */
  readonly taken: readonly ChartTransition[];
  readonly entered: ReadonlySet<ChartState>;
  readonly exited: ReadonlySet<ChartState>;
  /** The states that are done now, innermost first. */
  readonly done: readonly ChartState[];
  /** Whether the whole chart is done. */
  readonly isOver: boolean;
}

/** Thrown where what follows depends on something that the definition doesn't say. */
export class UnknownOutcome extends Error {
  /** @param taken the transitions that are taken all the same */
  constructor(readonly taken: readonly ChartTransition[] = []) {
    super('The outcome is unknown');
  }
}

/** One microstep, as XState and SCXML define it. */
export function microstep(
  chart: Chart,
  { states, history }: Configuration,
  transitions: readonly ChartTransition[],
): MicrostepResult {
  const scope = new Scope(chart, states, history);
  const taken = scope.withoutPreempted(transitions);
  try {
    return scope.take(taken);
  } catch (error) {
    throw error instanceof UnknownOutcome ? new UnknownOutcome(taken) : error;
  }
}

class Scope {
  readonly #entered = new Set<ChartState>();

  constructor(
    private readonly chart: Chart,
    private readonly states: ReadonlySet<ChartState>,
    private readonly history: HistoryValue | undefined,
  ) {}

  withoutPreempted(transitions: readonly ChartTransition[]): ChartTransition[] {
    if (transitions.length < 2) return [...transitions];
    const kept = new Set<ChartTransition>();
    for (const transition of transitions) {
      const replaced: ChartTransition[] = [];
      const exits = this.#exits(transition);
      const preempting = [...kept].some((other) => {
        if (![...this.#exits(other)].some((state) => exits.has(state))) return false;
        if (!isWithin(this.#source(transition), this.#source(other))) return true;
        replaced.push(other);
        return false;
      });
      if (preempting) continue;
      for (const other of replaced) kept.delete(other);
      kept.add(transition);
    }
    return [...kept];
  }

  take(transitions: readonly ChartTransition[]): MicrostepResult {
    const exited = new Set(transitions.flatMap((transition) => [...this.#exits(transition)]));
    const history = this.#historyAfter(exited);
    const states = new Set([...this.states].filter((state) => !exited.has(state)));
    for (const transition of transitions) this.#enterTargets(transition);
    // In document order.
    const entered = [...this.chart.states.values()].filter((state) => this.#entered.has(state));
    const done = new Set<ChartState>();
    let isOver = false;
    for (const state of entered) {
      states.add(state);
      if (state.kind === 'final') isOver = this.#complete(state, states, done) || isOver;
    }
    return {
      ...{ configuration: { states, history }, taken: transitions, done: [...done], isOver },
      ...{ exited, entered: this.#entered },
    };
  }

  /** Notes which states a final state completes. @returns whether the root is complete */
  #complete({ parent }: ChartState, states: ReadonlySet<ChartState>, done: Set<ChartState>): boolean {
    if (!parent) return true;
    if (parent.kind === 'compound') done.add(parent);
    let outer = parent.kind === 'parallel' ? parent : parent.parent;
    while (outer?.kind === 'parallel' && !done.has(outer) && isComplete(outer, states)) {
      done.add(outer);
      outer = outer.parent;
    }
    return outer === undefined;
  }

  #historyAfter(exited: ReadonlySet<ChartState>): HistoryValue | undefined {
    if (!this.history) return undefined;
    const history = new Map(this.history);
    for (const state of exited) {
      for (const child of state.children) {
        if (child.kind !== 'history') continue;
        const remembers =
          child.history === 'deep'
            ? (each: ChartState) => isLeaf(each) && isWithin(each, state)
            : (each: ChartState) => each.parent === state;
        history.set(child.id, [...this.states].filter(remembers));
      }
    }
    return history;
  }

  #exits(transition: ChartTransition): Set<ChartState> {
    const exits = new Set<ChartState>();
    if (transition.targets.length === 0) return exits;
    const domain = this.#domain(transition);
    for (const state of this.states) if (isWithin(state, domain)) exits.add(state);
    // A transition of the root that reenters it has no domain.
    if (domain === undefined) for (const state of this.states) exits.add(state);
    return exits;
  }

  /** The innermost state that isn't left; undefined if the root is left too. */
  #domain(transition: ChartTransition): ChartState | undefined {
    const source = this.#source(transition);
    const targets = this.#targets(transition).flatMap((target) => this.#effective(target));
    if (!transition.reenter && targets.every((target) => target === source || isWithin(target, source))) {
      return source;
    }
    for (let state = source.parent; state; state = state.parent) {
      const common = state;
      if (targets.every((target) => isWithin(target, common))) return common;
    }
    return transition.reenter ? undefined : this.chart.root;
  }

  /** The states that a target stands for: of a history state, what it remembers. */
  #effective(target: ChartState): readonly ChartState[] {
    if (target.kind !== 'history') return [target];
    if (!this.history) throw new UnknownOutcome();
    const remembered = this.history.get(target.id);
    return remembered ?? this.#defaults(target).flatMap((state) => this.#effective(state));
  }

  #defaults(target: ChartState): readonly ChartState[] {
    if (target.defaults.length > 0) return target.defaults.map((id) => this.#state(id));
    const { parent } = target;
    if (!parent) throw new UnknownOutcome();
    return [parent.kind === 'parallel' ? parent : this.#initial(parent)];
  }

  #enterTargets(transition: ChartTransition): void {
    if (transition.missingTargets.length > 0) throw new UnknownOutcome();
    if (transition.targets.length === 0) return;
    const source = this.#source(transition);
    const domain = this.#domain(transition);
    for (const target of this.#targets(transition)) {
      const isEntered = source !== target || source !== domain || transition.reenter;
      if (target.kind !== 'history' && isEntered) this.#entered.add(target);
      this.#enterWithin(target);
    }
    const isRootAnew = !source.parent && transition.reenter;
    for (const target of this.#targets(transition).flatMap((each) => this.#effective(each))) {
      const ancestors = ancestorsOf(target, domain);
      if (domain?.kind === 'parallel') ancestors.push(domain);
      this.#enterAncestors(ancestors, isRootAnew ? undefined : domain);
    }
  }

  #enterWithin(state: ChartState): void {
    if (state.cut.some((field) => field === 'states' || field === 'everything')) throw new UnknownOutcome();
    if (state.kind === 'history') {
      const targets = this.history?.get(state.id) ?? this.#defaults(state);
      for (const target of targets) {
        this.#entered.add(target);
        this.#enterWithin(target);
      }
      for (const target of targets) this.#enterAncestors(ancestorsOf(target, state.parent), undefined);
    } else if (state.kind === 'compound') {
      const initial = this.#initial(state);
      if (initial.kind !== 'history') this.#entered.add(initial);
      this.#enterWithin(initial);
      this.#enterAncestors(ancestorsOf(initial, state), undefined);
    } else if (state.kind === 'parallel') this.#enterRegions(state);
  }

  #enterAncestors(ancestors: readonly ChartState[], domain: ChartState | undefined): void {
    for (const state of ancestors) {
      if (!domain || isWithin(state, domain)) this.#entered.add(state);
      if (state.kind === 'parallel') this.#enterRegions(state);
    }
  }

  #enterRegions(state: ChartState): void {
    for (const region of state.children) {
      if (region.kind === 'history') continue;
      if ([...this.#entered].some((each) => isWithin(each, region))) continue;
      this.#entered.add(region);
      this.#enterWithin(region);
    }
  }

  #initial(state: ChartState): ChartState {
    if (state.initial === undefined) throw new UnknownOutcome();
    return this.#state(state.initial);
  }

  #source({ source }: ChartTransition): ChartState {
    return this.#state(source);
  }

  #targets({ targets }: ChartTransition): readonly ChartState[] {
    return targets.map((id) => this.#state(id));
  }

  #state(id: string): ChartState {
    const state = this.chart.states.get(id);
    if (!state) throw new UnknownOutcome();
    return state;
  }
}

/** Whether a state is a descendant of another one. */
function isWithin(state: ChartState, outer: ChartState | undefined): boolean {
  if (!outer) return false;
  for (let each = state.parent; each; each = each.parent) if (each === outer) return true;
  return false;
}

function isLeaf({ kind }: ChartState): boolean {
  return kind === 'atomic' || kind === 'final';
}

function ancestorsOf(state: ChartState, until: ChartState | undefined): ChartState[] {
  const ancestors: ChartState[] = [];
  if (state === until) return ancestors;
  for (let each = state.parent; each && each !== until; each = each.parent) ancestors.push(each);
  return ancestors;
}

function isComplete(state: ChartState, states: ReadonlySet<ChartState>): boolean {
  if (state.kind === 'compound') {
    return state.children.some((child) => child.kind === 'final' && states.has(child));
  }
  const regions = state.children.filter(({ kind }) => kind !== 'history');
  return state.kind === 'parallel'
    ? regions.every((region) => isComplete(region, states))
    : state.kind === 'final';
}
