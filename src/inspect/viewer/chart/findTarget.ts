import type { ChartState } from './Chart';

/** The states that a target may name. */
export interface TargetScope {
  /** By XState's id; of several states with one id, the last. */
  readonly byId: ReadonlyMap<string, ChartState>;
  /** A child that isn't in the definition, if the sender cut the state's children. */
  addChild(state: ChartState, key: string): ChartState | undefined;
}

/** The state that a transition's target names, as XState finds it: by `#id`, below the source, or from its parent. */
export function findTarget(source: ChartState, target: string, scope: TargetScope): ChartState | undefined {
  if (target.startsWith('#')) {
    const [id = '', ...keys] = statePath(target.slice(1));
    const base = scope.byId.get(id);
    return base && descend(base, keys, scope);
  }
  const from = target.startsWith('.') ? source : (source.parent ?? source);
  return descend(from, statePath(target.replace(/^\./, '')), scope);
}

function descend(from: ChartState, keys: readonly string[], scope: TargetScope): ChartState | undefined {
  let state: ChartState | undefined = from;
  for (const key of keys) {
    if (!state || key === '') break;
    state = state.children.find((child) => child.key === key) ?? scope.addChild(state, key);
  }
  return state;
}

/** A path's keys. A backslash before a character takes it as it is: `v1\.0` is one key. */
function statePath(path: string): string[] {
  const keys: string[] = [];
  let key = '';
  for (let at = 0; at < path.length; at++) {
    const char = path.charAt(at);
    if (char === '.') {
      keys.push(key);
      key = '';
    } else key += char === '\\' ? path.charAt(++at) : char;
  }
  return [...keys, key];
}
