import { type Chart, type ChartState, type ChartTransition, CUT } from './Chart';
import { matchesEvent } from './matchesEvent';
import { type Configuration, microstep, UnknownOutcome } from './microstep';

/** Actions that may raise events, which lead to further transitions. */
const RAISING: ReadonlySet<string> = new Set(['raise', 'xstate.raise', 'enqueueActions', CUT]);

/** Most ways that are tried; above it, nothing is certain. */
const MAX_WAYS = 2_000;

/** A way through the microsteps of one event. */
interface Way extends Configuration {
  readonly taken: ReadonlySet<ChartTransition>;
  /** Types of raised events. */
  readonly queue: readonly string[];
  /** Whether the last microstep left or entered a state, or was for an event. */
  readonly hasMoved: boolean;
  readonly isOver: boolean;
}

/** Transitions that are selected together; undefined if others may be, which the definition doesn't say. */
type Selection = readonly ChartTransition[] | undefined;

/**
 * The transitions that an event certainly took, from the active states before and after: all ways through event, eventless transitions and done events are
 * tried, with each guard true or false, and what all ways have in common that lead to the states after it is certain. Assumes that
 * named actions raise no events. Undefined if no way leads there.
 */
export function inferStep(
  chart: Chart,
  before: Configuration,
  eventType: string,
  after: ReadonlySet<ChartState>,
): ReadonlySet<ChartTransition> | undefined {
  return new Inference(chart, after).infer(before, eventType);
}

class Inference {
  readonly #taken: Intersection<ChartTransition> = new Intersection();
  readonly #seen = new Set<string>();
  #ways = 0;

  constructor(
    private readonly chart: Chart,
    private readonly after: ReadonlySet<ChartState>,
  ) {}

  infer(before: Configuration, eventType: string): ReadonlySet<ChartTransition> | undefined {
    const start: Way = { ...before, taken: new Set(), queue: [], hasMoved: true, isOver: false };
    this.#follow(start, this.#forEvent(start, eventType));
    return this.#taken.items;
  }

  #follow(way: Way, selections: readonly Selection[]): void {
    for (const selection of selections) {
      if (++this.#ways > MAX_WAYS || !selection) {
        this.#endsAnyhow(way);
        continue;
      }
      try {
        this.#continue(this.#take(way, selection));
      } catch (error) {
        if (!(error instanceof UnknownOutcome)) throw error;
        this.#endsAnyhow({ ...way, taken: new Set([...way.taken, ...error.taken.filter(isKnown)]) });
      }
    }
  }

  #take(way: Way, selection: readonly ChartTransition[]): Way {
    if (selection.length === 0) return { ...way, hasMoved: true };
    const { configuration, taken, entered, exited, done, isOver } = microstep(this.chart, way, selection);
    if (
      taken.some(({ actions }) => actions.some(raises)) ||
      [...entered].some(({ entry }) => entry.some(raises)) ||
      [...exited].some(({ exit }) => exit.some(raises))
    ) {
      throw new UnknownOutcome(taken);
    }
    return {
      ...configuration,
      taken: new Set([...way.taken, ...taken]),
      queue: [...way.queue, ...done.map(({ xstateId }) => `xstate.done.state.${xstateId}`)],
      hasMoved: entered.size > 0 || exited.size > 0 || taken.some(({ kind }) => kind !== 'always'),
      isOver,
    };
  }

  /** Goes on as XState does: eventless transitions first, then the next raised event, until there is nothing more to do. */
  #continue(way: Way): void {
    const key = this.#keyOf(way);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const eventless = way.isOver ? [[]] : this.#eventless(way);
    this.#follow(way, eventless.filter(isChoice));
    // XState doesn't select them again after some that changed nothing.
    if (eventless.every(isChoice) && way.hasMoved) return;
    const [next, ...queue] = way.queue;
    if (next === undefined || way.isOver) this.#ends(way);
    else this.#follow({ ...way, queue }, this.#forEvent(way, next));
  }

  /** Ways with equal keys go on in the same way. */
  #keyOf({ states, taken, queue, history, hasMoved }: Way): string {
    const ids = (items: Iterable<{ readonly id: string }>) => Array.from(items, ({ id }) => id).sort();
    const remembered = history && Array.from(history, ([id, states]) => [id, ids(states)]);
    return JSON.stringify([ids(states), ids(taken), queue, remembered, hasMoved]);
  }

  #ends(way: Way): void {
    if (way.states.size !== this.after.size || [...way.states].some((state) => !this.after.has(state)))
      return;
    this.#taken.add(way.taken);
  }

  /** What follows isn't known, so that any state may be the result. */
  #endsAnyhow(way: Way): void {
    this.#taken.add(way.taken);
  }

  #forEvent({ states }: Configuration, type: string): readonly Selection[] {
    return this.#reactions(this.chart.root, states, type);
  }

  /** What a state with its descendants may select: the innermost transitions that apply. */
  #reactions(state: ChartState, states: ReadonlySet<ChartState>, type: string): readonly Selection[] {
    const active = state.children.filter((child) => states.has(child));
    const regions = state.kind === 'parallel' ? state.children.filter(({ kind }) => kind !== 'history') : [];
    // A part of the snapshot or of the definition was cut.
    if (active.length < (state.kind === 'compound' ? 1 : regions.length)) return [undefined];
    const inner = combined(active.map((child) => this.#reactions(child, states, type)));
    return inner.flatMap((selection) => (selection?.length === 0 ? handlersOf(state, type) : [selection]));
  }

  #eventless({ states }: Configuration): readonly Selection[] {
    const leaves = [...states].filter(({ children }) => !children.some((child) => states.has(child)));
    return combined(leaves.map(alwaysFrom)).map((selection) => selection && [...new Set(selection)]);
  }
}

/** Whether a selection isn't that of nothing. */
function isChoice(selection: Selection): boolean {
  return selection?.length !== 0;
}

/** What is in all of the added sets. */
class Intersection<T> {
  /** Undefined until a set was added. */
  items: Set<T> | undefined;

  add(set: ReadonlySet<T>): void {
    this.items = new Set([...(this.items ?? set)].filter((item) => set.has(item)));
  }
}

/** The choices of a state for an event, most specific descriptor first; an empty one if none of its guards may hold. */
function handlersOf(state: ChartState, type: string): readonly Selection[] {
  if (state.cut.some((field) => field !== 'initial' && field !== 'tags')) return [undefined];
  const matching = state.transitions.filter(
    ({ kind, event }) => kind !== 'always' && matchesEvent(event, type),
  );
  const specificity = ({ event }: ChartTransition) => (event === type ? Number.MAX_VALUE : event.length);
  return choices(matching.sort((a, b) => specificity(b) - specificity(a)));
}

/** The choices among eventless transitions of a state and those around it. */
function alwaysFrom(leaf: ChartState): readonly Selection[] {
  const candidates: ChartTransition[] = [];
  for (let state: ChartState | undefined = leaf; state; state = state.parent) {
    if (state.cut.includes('everything')) return [undefined];
    candidates.push(...state.transitions.filter(({ kind }) => kind === 'always'));
  }
  return choices(candidates);
}

/** Each candidate whose predecessors' guards may all be false; none of them, if all are guarded. */
function choices(candidates: readonly ChartTransition[]): readonly Selection[] {
  const certain = candidates.findIndex((transition) => !isGuarded(transition));
  if (certain >= 0) return candidates.slice(0, certain + 1).map((transition) => [transition]);
  return [...candidates.map((transition) => [transition]), []];
}

/** Each combination of one selection of each. */
function combined(each: readonly (readonly Selection[])[]): readonly Selection[] {
  return each.reduce<readonly Selection[]>(
    (some, selections) => {
      if (some.length * selections.length > MAX_WAYS) return [undefined];
      return some.flatMap((chosen) =>
        selections.map((selection) => chosen && selection && [...chosen, ...selection]),
      );
    },
    [[]],
  );
}

/** XState checks for itself whether a route leads to the event's target. */
function isGuarded({ guard, event }: ChartTransition): boolean {
  return guard !== undefined || event === 'xstate.route';
}

/** Whether the transition itself was sent, not only that its event has some. */
function isKnown({ guard, missingTargets }: ChartTransition): boolean {
  return guard !== CUT || missingTargets.length === 0;
}

function raises(action: string): boolean {
  return RAISING.has(action.replace(/\(.*$/s, ''));
}
