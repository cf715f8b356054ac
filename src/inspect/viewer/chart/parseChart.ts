import {
  type Chart,
  type ChartState,
  type ChartStateKind,
  type ChartTransition,
  CUT,
  transitionId,
} from './Chart';
import { actionTexts, asText, guardText, isCutMark, nameOf, toArray, valueText } from './configText';
import { findTarget, type TargetScope } from './findTarget';

/** The fields that are read from the config of a machine, state, transition or invoked actor. */
type ConfigField =
  | ('id' | 'type' | 'description' | 'states' | 'initial' | 'history' | 'tags' | 'meta' | 'output')
  | ('entry' | 'exit' | 'invoke' | 'on' | 'after' | 'always' | 'onDone' | 'onError' | 'onSnapshot')
  | ('route' | 'src' | 'target' | 'guard' | 'cond' | 'actions' | 'reenter');
type Config = { readonly [field in ConfigField]?: unknown };

interface MutableState extends ChartState {
  kind: ChartStateKind;
  children: MutableState[];
  transitions: ChartTransition[];
  initial: string | undefined;
  defaults: readonly string[];
}

/** A state whose transitions are read when all states are known. */
interface ReadState {
  readonly state: MutableState;
  readonly config: Config;
}

/** Fields that, once cut, are shown nowhere else. */
const CUTTABLE: readonly ConfigField[] = ['states', 'initial', 'on', 'after', 'invoke', 'tags', 'route'];

const MAX_META_CHARACTERS = 400;
const MAX_OUTPUT_CHARACTERS = 30;

/**
 * Reads a machine's config from any sender; it may be cut off at some depth. Undefined if it isn't a chart.
 */
export function parseChart(definition: string | undefined): Chart | undefined {
  const config = definition === undefined ? undefined : asConfig(parseJson(definition));
  if (!config || !(asConfig(config.states) || isCutMark(config.states))) return undefined;
  return new ChartReader(config).read();
}

class ChartReader implements TargetScope {
  readonly byId = new Map<string, MutableState>();
  readonly #machineId: string;
  readonly #states = new Map<string, MutableState>();
  readonly #transitions = new Map<string, ChartTransition>();
  readonly #read: ReadState[] = [];

  constructor(private readonly config: Config) {
    this.#machineId = asText(config.id) ?? '(machine)';
  }

  read(): Chart {
    const root = this.#readState(this.config, this.#machineId, [], undefined);
    for (const { state, config } of [...this.#read]) {
      state.initial = this.#readInitial(state, config);
      state.defaults = state.kind === 'history' ? this.#readDefaults(state, config) : [];
      state.transitions = this.#readTransitions(state, config);
    }
    root.transitions.push(...this.#readRoutes(root));
    for (const { transitions } of this.#states.values()) {
      for (const transition of transitions) this.#transitions.set(transition.id, transition);
    }
    const isCut =
      [...this.#states.values()].some(({ cut }) => cut.length > 0) ||
      [...this.#transitions.values()].some((transition) => transition.isCut);
    return { root, states: this.#states, transitions: this.#transitions, isCut };
  }

  addChild(parent: ChartState, key: string): ChartState | undefined {
    const state = this.#states.get(parent.id);
    if (!state?.cut.some((field) => field === 'states' || field === 'everything')) return undefined;
    if (state.kind === 'atomic') state.kind = 'compound';
    const child = this.#readState('[Object]', key, [...parent.path, key], state);
    state.children.push(child);
    return child;
  }

  #readState(
    value: unknown,
    key: string,
    path: readonly string[],
    parent: MutableState | undefined,
  ): MutableState {
    const config = asConfig(value) ?? {};
    const xstateId = asText(config.id) ?? [this.#machineId, ...path].join('.');
    const kind = kindOf(config);
    const state: MutableState = {
      id: this.#unusedId(xstateId),
      xstateId,
      key,
      path,
      kind,
      history: kind !== 'history' ? undefined : config.history === 'deep' ? 'deep' : 'shallow',
      description: asText(config.description),
      parent,
      children: [],
      initial: undefined,
      defaults: [],
      entry: actionTexts(config.entry),
      exit: actionTexts(config.exit),
      invokes: toArray(config.invoke).flatMap((each, index) => invokeText(each, index, xstateId) ?? []),
      tags: toArray(config.tags).flatMap((tag) => (isCutMark(tag) ? [] : (asText(tag) ?? []))),
      meta: valueText(config.meta, MAX_META_CHARACTERS),
      output: kind === 'final' || !parent ? valueText(config.output, MAX_OUTPUT_CHARACTERS) : undefined,
      transitions: [],
      cut: isCutMark(value) ? ['everything'] : CUTTABLE.filter((field) => isCutWithin(config[field])),
    };
    this.#states.set(state.id, state);
    this.byId.set(xstateId, state);
    this.#read.push({ state, config });
    for (const [childKey, child] of Object.entries(asConfig(config.states) ?? {})) {
      state.children.push(this.#readState(child, childKey, [...path, childKey], state));
    }
    return state;
  }

  /** Two states have one id if a key has a dot: `a.b` and, in `a`, `b`. */
  #unusedId(id: string): string {
    for (let count = 1; ; count++) {
      const unique = count === 1 ? id : `${id} (${count})`;
      if (!this.#states.has(unique)) return unique;
    }
  }

  #readInitial(state: MutableState, config: Config): string | undefined {
    if (state.kind !== 'compound') return undefined;
    const [key] = toArray(asConfig(config.initial)?.target ?? config.initial);
    if (typeof key !== 'string') return undefined;
    const child = state.children.find((each) => each.key === key);
    return (child ?? (isCutMark(key) ? undefined : this.addChild(state, key)))?.id;
  }

  #readDefaults(state: ChartState, config: Config): string[] {
    return toArray(config.target).flatMap((target) => this.#find(state, target).state?.id ?? []);
  }

  #readTransitions(state: ChartState, config: Config): ChartTransition[] {
    const { xstateId } = state;
    // As in XState, a later entry for an event replaces an earlier one.
    const byEvent = new Map<string, ChartTransition[]>();
    const entries = (value: unknown) => Object.entries(asConfig(value) ?? {});
    const read = (event: string, kind: ChartTransition['kind'], label: string, candidates: unknown) => {
      if (candidates === undefined || candidates === null) return;
      byEvent.set(event, this.#readCandidates({ state, event, kind, label, candidates }));
    };
    for (const [event, candidates] of entries(config.on)) read(event, 'event', event, candidates);
    read(`xstate.done.state.${xstateId}`, 'done', 'done', config.onDone);
    toArray(config.invoke).forEach((value, index) => {
      const invoke = asConfig(value);
      if (!invoke) return;
      const id = invokeId(invoke, index, xstateId);
      const name = asText(invoke.id) ?? nameOf(invoke.src) ?? id;
      read(`xstate.done.actor.${id}`, 'done', `${name} done`, invoke.onDone);
      read(`xstate.error.actor.${id}`, 'done', `${name} failed`, invoke.onError);
      read(`xstate.snapshot.${id}`, 'done', `${name} changed`, invoke.onSnapshot);
    });
    for (const [key, candidates] of entries(config.after)) {
      const delay = Number.isNaN(Number(key)) ? key : String(Number(key));
      const event = `xstate.after.${delay}.${xstateId}`;
      const known = byEvent.get(event) ?? [];
      const more = { state, event, kind: 'after', label: delayText(delay), candidates, delay } as const;
      byEvent.set(event, [...known, ...this.#readCandidates(more, known.length)]);
    }
    const { always } = config;
    return [
      ...[...byEvent.values()].flat(),
      ...this.#readCandidates({ state, event: '', kind: 'always', label: 'always', candidates: always }),
    ];
  }

  #readCandidates(
    { state, event, kind, label, candidates, delay }: Candidates,
    firstIndex = 0,
  ): ChartTransition[] {
    return toArray(candidates).map((candidate, place): ChartTransition => {
      const index = firstIndex + place;
      const config = typeof candidate === 'string' ? { target: candidate } : (asConfig(candidate) ?? {});
      const guard = config.guard ?? config.cond;
      const found = toArray(config.target).map((target) => this.#find(state, target));
      return {
        id: transitionId(state.id, event, index),
        source: state.id,
        event,
        index,
        kind,
        label,
        guard: isCutMark(candidate) ? CUT : guardText(guard),
        description: asText(config.description),
        actions: actionTexts(config.actions),
        targets: found.flatMap(({ state }) => state?.id ?? []),
        missingTargets: found.flatMap(({ state, missing }) => (state || missing === '' ? [] : missing)),
        isCut:
          found.some(({ missing }) => missing === CUT) || isCutMark(guard) || isCutWithin(config.actions),
        reenter: config.reenter === true,
        delay,
      };
    });
  }

  #find(source: ChartState, target: unknown): { readonly state?: ChartState; readonly missing: string } {
    if (typeof target !== 'string' || isCutMark(target)) return { missing: CUT };
    // An empty target is none.
    const state = target === '' ? undefined : findTarget(source, target, this);
    return state ? { state, missing: '' } : { missing: target };
  }

  /** States with a `route` can be entered from everywhere. */
  #readRoutes(root: ChartState): ChartTransition[] {
    const routed = this.#read.flatMap(({ state, config }) => {
      const route = asConfig(config.route);
      return route && state !== root && asText(config.id) ? [{ ...route, target: `#${config.id}` }] : [];
    });
    return this.#readCandidates({
      ...{ state: root, event: 'xstate.route', kind: 'event', label: 'route', candidates: routed },
    });
  }
}

interface Candidates {
  readonly state: ChartState;
  readonly event: string;
  readonly kind: ChartTransition['kind'];
  readonly label: string;
  readonly candidates: unknown;
  readonly delay?: string;
}

function kindOf(config: Config): ChartStateKind {
  const { type, states, history } = config;
  if (type === 'parallel' || type === 'final' || type === 'history') return type;
  if (Object.keys(asConfig(states) ?? {}).length > 0 || isCutMark(states)) return 'compound';
  return history === undefined || history === false ? 'atomic' : 'history';
}

function isCutWithin(value: unknown): boolean {
  return isCutMark(value) || (Array.isArray(value) && value.some(isCutMark));
}

function invokeId(invoke: Config, index: number, stateId: string): string {
  return typeof invoke.id === 'string' ? invoke.id : `${index}.${stateId}`;
}

/** The name of an invoked actor's logic, and its id if it has one of its own. */
function invokeText(value: unknown, index: number, stateId: string): string | undefined {
  if (isCutMark(value)) return CUT;
  const invoke = asConfig(value);
  if (!invoke) return undefined;
  const name = nameOf(invoke.src) ?? asText(asConfig(invoke.src)?.id);
  const id = asText(invoke.id);
  if (name === undefined) return id ?? invokeId(invoke, index, stateId);
  return id === undefined || id === name ? name : `${name} (${id})`;
}

/** The displayed text of a delay in milliseconds; a name is unchanged. */
function delayText(delay: string): string {
  const ms = Number(delay);
  if (!Number.isFinite(ms)) return delay;
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

function asConfig(value: unknown): Config | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Config) : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
