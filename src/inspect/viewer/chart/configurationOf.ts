import type { InspectedSnapshot } from '../../messages/InspectionMessage';
import { activeStates } from './activeStates';
import type { Chart, ChartState } from './Chart';
import type { Configuration, HistoryValue } from './microstep';

/** The active states of a snapshot, and what its history states remember. */
export function configurationOf(chart: Chart, snapshot: InspectedSnapshot | undefined): Configuration {
  const states = [...activeStates(chart, snapshot?.value)].flatMap((id) => chart.states.get(id) ?? []);
  return { states: new Set(states), history: historyOf(chart, snapshot?.['historyValue']) };
}

/** Undefined if it was cut, or names states that aren't in the chart. */
function historyOf(chart: Chart, value: unknown): HistoryValue | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const history = new Map<string, readonly ChartState[]>();
  for (const [id, remembered] of Object.entries(value)) {
    const states = Array.isArray(remembered) ? remembered.map((each) => stateNamed(chart, each)) : [];
    const key = stateWithId(chart, id);
    if (!key || states.length === 0 || states.includes(undefined)) return undefined;
    history.set(
      key.id,
      states.flatMap((state) => state ?? []),
    );
  }
  return history;
}

/** By `#id`, as snapshots name the states that a history state remembers. */
function stateNamed(chart: Chart, name: unknown): ChartState | undefined {
  return typeof name === 'string' ? stateWithId(chart, name.slice(1)) : undefined;
}

/** The state with an id of XState; undefined if several have it. */
export function stateWithId(chart: Chart, xstateId: unknown): ChartState | undefined {
  const [state, ...others] = [...chart.states.values()].filter((each) => each.xstateId === xstateId);
  return others.length === 0 ? state : undefined;
}
