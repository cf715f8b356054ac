import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, InspectionEvent } from 'xstate';

function describeTransition({ source, eventType, guard, target, reenter }: AnyTransitionDefinition): string {
  const name = typeof guard === 'object' && guard ? guard.type : typeof guard === 'function' ? 'not' : '';
  const to = target?.map(({ key }) => key).join(', ') ?? 'stays';
  return `${source.key} on ${eventType || 'always'}${name && ` [${name}]`} → ${to}${reenter ? ' (re-entered)' : ''}`;
}

function allNodes(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(allNodes)];
}

interface Tally {
  readonly covered: number;
  readonly all: number;
  readonly missing: readonly string[];
}

/** What of a chart its actors have been through: state nodes, transitions, and both outcomes of each named guard. */
export class ChartCoverage {
  readonly #states = new Map<AnyStateNode, boolean>();
  readonly #transitions = new Map<AnyTransitionDefinition, boolean>();
  readonly #guards = new Map<string, Set<boolean>>();

  /** Watches the chart's guards from now on; feed `inspect` to its actors. */
  constructor(readonly machine: AnyStateMachine) {
    for (const node of allNodes(machine.root)) {
      this.#states.set(node, false);
      for (const transitions of node.transitions.values())
        for (const one of transitions) this.#transitions.set(one, false);
      for (const one of node.always ?? []) this.#transitions.set(one, false);
    }
    const guards = machine.implementations.guards as Record<string, object>;
    for (const [name, guard] of Object.entries(guards)) {
      const outcomes = new Set<boolean>();
      this.#guards.set(name, outcomes);
      const record = (outcome: unknown): unknown => {
        outcomes.add(Boolean(outcome));
        return outcome;
      };
      // A guard made of others is a function that XState recognizes by its `check`.
      guards[name] =
        'check' in guard && typeof guard.check === 'function'
          ? Object.assign(
              (...args: unknown[]) => Reflect.apply(guard as () => unknown, undefined, args),
              guard,
              {
                check: new Proxy(guard.check, {
                  apply: (f, self, args) => record(Reflect.apply(f, self, args)),
                }),
              },
            )
          : (...args: unknown[]) => record(Reflect.apply(guard as () => unknown, undefined, args));
    }
  }

  readonly inspect = (event: InspectionEvent): void => {
    if (event.type === '@xstate.microstep') {
      for (const transition of event._transitions) {
        // Other charts may report to the same observer.
        if (this.#transitions.has(transition)) this.#transitions.set(transition, true);
      }
    }
    if (
      (event.type === '@xstate.microstep' || event.type === '@xstate.snapshot') &&
      '_nodes' in event.snapshot
    ) {
      for (const node of event.snapshot._nodes as AnyStateNode[]) {
        if (this.#states.has(node)) this.#states.set(node, true);
      }
    }
  };

  static #tally(entries: readonly (readonly [string, boolean])[]): Tally {
    const missing = entries.filter(([, covered]) => !covered).map(([name]) => name);
    return { covered: entries.length - missing.length, all: entries.length, missing };
  }

  get states(): Tally {
    return ChartCoverage.#tally([...this.#states].map(([{ id }, covered]) => [id, covered] as const));
  }

  get transitions(): Tally {
    return ChartCoverage.#tally(
      [...this.#transitions].map(([one, covered]) => [describeTransition(one), covered] as const),
    );
  }

  get guardOutcomes(): Tally {
    return ChartCoverage.#tally(
      [...this.#guards].flatMap(([name, outcomes]) =>
        [true, false].map((outcome) => [`${name} is ${outcome}`, outcomes.has(outcome)] as const),
      ),
    );
  }

  /** A line for people. */
  toString(): string {
    const show = (what: string, { covered, all }: Tally) =>
      `${what} ${covered}/${all} (${((100 * covered) / all).toFixed(0)} %)`;
    return [
      show('states', this.states),
      show('transitions', this.transitions),
      show('guard outcomes', this.guardOutcomes),
    ].join(', ');
  }
}
