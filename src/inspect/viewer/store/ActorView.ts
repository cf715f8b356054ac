import type { BackendProcessState } from '../../../../machines/backendLifecycle';
import type { InspectedSnapshot } from '../../messages/InspectionMessage';
import { activeKeys } from './activeKeys';
import type { InspectedActor, Step } from './InspectedActor';

// Importing the list itself would bundle XState into the page.
const PROCESS_STATES: Readonly<Record<BackendProcessState, true>> = {
  stopped: true,
  restarting: true,
  starting: true,
  ready: true,
  stopping: true,
};

/** An actor at one step, for the list. */
export interface ActorView {
  readonly actor: InspectedActor;
  readonly step: Step | undefined;
  /** The main state: a process's status, otherwise the first region's state. */
  readonly state: string;
  /** The states of the other regions. */
  readonly otherStates: readonly string[];
  readonly failures: { readonly count: number; readonly max: number } | undefined;
  /** The delay that ends first. */
  readonly countdown:
    | { readonly name: string; readonly dueAt: number; readonly lengthMs: number }
    | undefined;
  readonly gone: boolean;
}

/** The actor after its last step up to `seq`; undefined if it wasn't known then. */
export function viewActor(actor: InspectedActor, seq: number): ActorView | undefined {
  const step = actor.stepAt(seq);
  if (!step) return undefined;
  const isLatest = step === actor.latest;
  const [state = step.snapshot?.status ?? 'unknown', ...otherStates] = shownStates(step.snapshot);
  const context = step.snapshot?.context;
  return {
    actor,
    step,
    state,
    otherStates,
    failures: failuresIn(context, step.snapshot?.value),
    countdown: countdownOf(step, context),
    gone: isLatest && actor.gone,
  };
}

/** The active leaf of each region, as dotted paths: `{ a: { b: 'c' }, d: 'e' }` is `a.b.c` and `d.e`. */
function activePaths(value: unknown): readonly string[] {
  return activeKeys(value).map((keys) => keys.join('.'));
}

/** For a process, its chart's tag comes first: it summarizes the regions. */
function shownStates(snapshot: InspectedSnapshot | undefined): readonly string[] {
  const { tags } = (snapshot ?? {}) as { readonly tags?: unknown };
  const tag: unknown = Array.isArray(tags)
    ? tags.find((each) => Object.hasOwn(PROCESS_STATES, each))
    : undefined;
  return typeof tag === 'string' ? [tag, ...activePaths(snapshot?.value)] : statePaths(snapshot?.value);
}

/** The active paths, without the name of the first of several regions. */
function statePaths(value: unknown): readonly string[] {
  const ways = activeKeys(value);
  const hasRegions = typeof value === 'object' && value !== null && Object.keys(value).length > 1;
  return ways.map((keys, index) => (hasRegions && index === 0 ? keys.slice(1) : keys).join('.'));
}

function failuresIn(context: unknown, value: unknown): ActorView['failures'] {
  if (typeof context !== 'object' || context === null) return undefined;
  const { failedAttempts, maxFailedAttemptsPerWindow: max } = context as Record<string, unknown>;
  if (typeof failedAttempts !== 'number' || typeof max !== 'number') return undefined;
  // The count in the context is stale if the window isn't open.
  return { count: activePaths(value).includes('window.open') ? failedAttempts : 0, max };
}

function countdownOf({ delays }: Step, context: unknown): ActorView['countdown'] {
  const [first] = Object.entries(delays ?? {}).sort(([, a], [, b]) => a - b);
  if (!first) return undefined;
  const [name, dueAt] = first;
  const length = (context as Record<string, unknown> | undefined)?.[`${name}Ms`];
  return { name, dueAt, lengthMs: typeof length === 'number' && length > 0 ? length : 0 };
}
