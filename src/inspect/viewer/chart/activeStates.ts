import { activePaths } from '../store/ActorView';
import type { Chart } from './Chart';

/** The ids of every state that a snapshot's value says is active, the root's among them. */
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
