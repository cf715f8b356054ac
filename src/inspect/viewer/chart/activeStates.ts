import { activePaths } from '../store/ActorView';
import type { Chart } from './Chart';

/** The ids of all active states of a snapshot's value, including the root. */
export function activeStates(chart: Chart, value: unknown): ReadonlySet<string> {
  const active = new Set([chart.root.id]);
  for (const path of activePaths(value)) {
    let state = chart.root;
    for (const key of path.split('.')) {
      const child = state.children.find((candidate) => candidate.key === key);
      if (!child) break;
      active.add(child.id);
      state = child;
    }
  }
  return active;
}
