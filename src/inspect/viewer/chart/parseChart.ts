import {
  type Chart,
  type ChartState,
  type ChartStateKind,
  type ChartTransition,
  transitionId,
} from './Chart';

/** The fields that are read from the config of a machine, state, transition or invoked actor. */
type ConfigField =
  | ('id' | 'type' | 'description' | 'states' | 'initial' | 'tags' | 'entry' | 'exit' | 'invoke')
  | ('on' | 'after' | 'always' | 'onDone' | 'onError' | 'onSnapshot' | 'src')
  | ('target' | 'guard' | 'cond' | 'actions' | 'reenter' | 'params' | 'reason');
type Config = { readonly [field in ConfigField]?: unknown };

interface MutableState extends ChartState {
  parent: MutableState | undefined;
  children: MutableState[];
  transitions: ChartTransition[];
  initial: string | undefined;
}

/** A state whose transitions are read later, when all possible targets are known. */
interface Unread {
  readonly state: MutableState;
  readonly config: Config;
}

/**
 * Reads a machine's config from any sender; it may be cut off at some depth. Undefined if it isn't a chart.
 */
export function parseChart(definition: string | undefined): Chart | undefined {
  const config = definition === undefined ? undefined : asConfig(parseJson(definition));
  if (!config || !asConfig(config.states)) return undefined;
  const states = new Map<string, MutableState>();
  const unread: Unread[] = [];
  const machineId = asText(config.id) ?? '(machine)';
  const root = readState(config, machineId, [], undefined, machineId, states, unread);
  const transitions = new Map<string, ChartTransition>();
  for (const { state, config } of unread) {
    state.initial = readInitial(state, config, states);
    state.transitions = readTransitions(state, config, states);
    for (const transition of state.transitions) transitions.set(transition.id, transition);
  }
  return { root, states, transitions };
}

function readState(
  config: Config,
  key: string,
  path: readonly string[],
  parent: MutableState | undefined,
  machineId: string,
  states: Map<string, MutableState>,
  unread: Unread[],
): MutableState {
  const id = asText(config.id) ?? [machineId, ...path].join('.');
  const children: MutableState[] = [];
  const invokes = toArray(config.invoke).flatMap((invoke): Config[] => {
    const found = asConfig(invoke);
    return found ? [found] : [];
  });
  const state: MutableState = {
    id,
    key,
    path,
    kind: kindOf(config),
    description: asText(config.description),
    parent,
    children,
    initial: undefined,
    entry: actionNames(config.entry),
    exit: actionNames(config.exit),
    invokes: invokes.map((invoke) => nameOf(invoke.src) ?? asText(invoke.id) ?? 'actor'),
    tags: toArray(config.tags).flatMap((tag) => asText(tag) ?? []),
    transitions: [],
  };
  states.set(id, state);
  unread.push({ state, config });
  for (const [childKey, child] of Object.entries(asConfig(config.states) ?? {})) {
    children.push(
      readState(asConfig(child) ?? {}, childKey, [...path, childKey], state, machineId, states, unread),
    );
  }
  return state;
}

function kindOf(config: Config): ChartStateKind {
  const { type } = config as { readonly type?: unknown };
  if (type === 'parallel' || type === 'final' || type === 'history') return type;
  return Object.keys(asConfig(config.states) ?? {}).length > 0 ? 'compound' : 'atomic';
}

function readInitial(
  state: MutableState,
  config: Config,
  states: ReadonlyMap<string, ChartState>,
): string | undefined {
  if (state.kind !== 'compound') return undefined;
  const { initial } = config as { readonly initial?: unknown };
  const target = asText(initial) ?? toArray(asConfig(initial)?.target).find(asText);
  const text = asText(target);
  if (text === undefined) return undefined;
  return text.startsWith('#') ? resolve(state, text, states)[0] : descend(state, text.split('.'))?.id;
}

function readTransitions(
  state: ChartState,
  config: Config,
  states: ReadonlyMap<string, ChartState>,
): ChartTransition[] {
  const read = (
    event: string,
    kind: ChartTransition['kind'],
    label: string,
    candidates: unknown,
    delay?: string,
  ) =>
    toArray(candidates).flatMap((candidate, index): ChartTransition[] => {
      const transition = typeof candidate === 'string' ? { target: candidate } : asConfig(candidate);
      if (!transition) return [];
      return [
        {
          id: transitionId(state.id, event, index),
          source: state.id,
          event,
          index,
          kind,
          label,
          guard: nameOf(transition.guard ?? transition.cond),
          description: asText(transition.description),
          actions: actionNames(transition.actions),
          targets: toArray(transition.target).flatMap((target) =>
            typeof target === 'string' ? resolve(state, target, states) : [],
          ),
          reenter: transition.reenter === true,
          delay,
        },
      ];
    });

  const entries = (value: unknown) => Object.entries(asConfig(value) ?? {});
  return [
    ...entries(config.on).flatMap(([event, candidates]) => read(event, 'event', event, candidates)),
    ...read(`xstate.done.state.${state.id}`, 'done', 'done', config.onDone),
    ...toArray(config.invoke).flatMap((value, index) => {
      const invoke = asConfig(value);
      if (!invoke) return [];
      const id = asText(invoke.id) ?? `${index}.${state.id}`;
      const name = nameOf(invoke.src) ?? id;
      return [
        ...read(`xstate.done.actor.${id}`, 'done', `${name} done`, invoke.onDone),
        ...read(`xstate.error.actor.${id}`, 'done', `${name} failed`, invoke.onError),
        ...read(`xstate.snapshot.${id}`, 'done', `${name} changed`, invoke.onSnapshot),
      ];
    }),
    ...entries(config.after).flatMap(([delay, candidates]) =>
      read(`xstate.after.${delay}.${state.id}`, 'after', delayText(delay), candidates, delay),
    ),
    ...read('', 'always', 'always', config.always),
  ];
}

/** The id of a target's state: by `#id`, below the source, or its sibling. Empty if there is no such state. */
function resolve(source: ChartState, target: string, states: ReadonlyMap<string, ChartState>): string[] {
  if (target.startsWith('#')) {
    const text = target.slice(1);
    const exact = states.get(text);
    if (exact) return [exact.id];
    // `#id.child`: ids may contain dots, so the longest existing id wins.
    for (let dot = text.lastIndexOf('.'); dot > 0; dot = text.lastIndexOf('.', dot - 1)) {
      const base = states.get(text.slice(0, dot));
      const found = base && descend(base, text.slice(dot + 1).split('.'));
      if (found) return [found.id];
    }
    return [];
  }
  const from = target.startsWith('.') ? source : (source.parent ?? source);
  const found = descend(from, target.replace(/^\./, '').split('.'));
  return found ? [found.id] : [];
}

function descend(from: ChartState, keys: readonly string[]): ChartState | undefined {
  let state: ChartState | undefined = from;
  for (const key of keys) state = state?.children.find((child) => child.key === key);
  return state;
}

/** The displayed text of a delay in milliseconds; a name is unchanged. */
function delayText(delay: string): string {
  const ms = Number(delay);
  if (delay === '' || !Number.isFinite(ms)) return delay;
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

function actionNames(actions: unknown): string[] {
  return toArray(actions).map((action) => {
    const name = nameOf(action) ?? 'action';
    const params = asConfig(asConfig(action)?.params);
    const reason = params && asText(params.reason);
    return reason === undefined ? name : `${name}(${reason})`;
  });
}

function nameOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const type = asConfig(value)?.type;
  return typeof type === 'object' ? nameOf(type) : asText(type);
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function asConfig(value: unknown): Config | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Config) : undefined;
}

function toArray(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
