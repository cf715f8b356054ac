import { activeKeys } from '../store/activeKeys';
import type { Chart } from './Chart';

/** The ids of all active states of a snapshot's value, including the root. */
export function activeStates(chart: Chart, value: unknown): ReadonlySet<string> {
  const active = new Set([chart.root.id]);
  for (const keys of activeKeys(value)) {
    let state = chart.root;
    for (const key of keys) {
      const child = state.children.find((candidate) => candidate.key === key);
      if (!child) break;
      active.add(child.id);
      state = child;
    }
  }
  return active;
}
