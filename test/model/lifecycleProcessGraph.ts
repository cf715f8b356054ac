import type { EventObject } from 'xstate';
import { backendLifecycle } from '../../machines';
import { ChartGraph, type ChartPath, describeChartPath, type WorldState } from './chartGraph';
import { changesLifecycle, happeningName, LIFECYCLE_HAPPENINGS, LIFECYCLE_INPUT } from './lifecycleGraph';

/** What of the world decides what a test can make happen to a process. */
export interface LifecycleWorld {
  /** The process's channel to its broker; an adopted one has none. */
  readonly channel: 'none' | 'open' | 'closed';
  readonly isAdopted: boolean;
  /** An adopted one to which the broker has opened a channel. */
  readonly isRejoined: boolean;
  /** Whether a replacement is awaited: a second one that is asked for meanwhile is the same. */
  readonly isReplacing: boolean;
  readonly broker: 'runs' | 'stops' | 'leaves';
  /** It was killed before it could do anything. */
  readonly isKilledEarly: boolean;
}

/** A path that a process can be led along. */
export type LifecyclePath = ChartPath<LifecycleWorld>;

/** Whether the system decides what of a process's end is told first: it was killed, and no other program keeps its channel. */
export function endsInAnyOrder({ isAdopted, isKilledEarly }: LifecycleWorld, event: EventObject): boolean {
  return (isAdopted || isKilledEarly) && happeningName(event) === 'process.exited';
}

/** Why a test can't make something happen to a real process; undefined: it can. */
function whyNot({ world }: WorldState<LifecycleWorld>, event: EventObject): string | undefined {
  const name = happeningName(event);
  if (world.isRejoined) return 'it is as one that the broker has started';
  if (name === 'kill.asked') {
    if (world.broker !== 'stops')
      return "it is asked for at the end of the broker's own process, in the middle of a start or stop";
    return world.isAdopted ? 'what a broker has not started it does not kill at its end' : undefined;
  }
  if (name.endsWith('.asked') && world.broker !== 'runs') return 'a stopped broker asks for no more';
  if (name === 'replacement.asked' && world.isReplacing)
    return 'who asks for a second replacement gets the first';
  if (name === 'process.exited') {
    const isOpen = 'isChannelOpen' in event && event.isChannelOpen === true;
    if (world.isKilledEarly) return isOpen ? 'the system decides what is told first' : undefined;
    if (isOpen !== (world.channel === 'open')) return 'its channel is or is not open';
  }
  return undefined;
}

function nextWorld(world: LifecycleWorld, event: EventObject): LifecycleWorld {
  switch (happeningName(event)) {
    case 'start.asked':
    case 'replacement.asked':
      return { ...world, isReplacing: true };
    case 'process.found':
      return { ...world, isAdopted: true };
    case 'process.listening':
      return { ...world, channel: 'open', isReplacing: false };
    case 'channel.opened':
      return { ...world, isRejoined: true };
    case 'channel.closed':
    case 'endpoint.closed':
      return { ...world, channel: 'closed' };
    case 'startTimeout':
      return { ...world, isKilledEarly: true };
    case 'stop.asked':
      return { ...world, broker: 'stops' };
    case 'leave.asked':
      return { ...world, broker: 'leaves' };
    default:
      return world;
  }
}

function graphOf(
  canHappen: (state: WorldState<LifecycleWorld>, event: EventObject) => boolean,
): ChartGraph<LifecycleWorld> {
  return new ChartGraph<LifecycleWorld>({
    machine: backendLifecycle,
    input: LIFECYCLE_INPUT,
    world: {
      channel: 'none',
      isAdopted: false,
      isRejoined: false,
      isReplacing: false,
      broker: 'runs',
      isKilledEarly: false,
    },
    next: (world, event) => nextWorld(world, event),
    eventsIn: (state) =>
      state.chart.status === 'done'
        ? []
        : LIFECYCLE_HAPPENINGS.filter(
            (event) => changesLifecycle(state.chart, event) && canHappen(state, event),
          ),
  });
}

/** An edge of the chart, in what `process` and `successor` are: `readiness` is only told, and the world isn't the chart's. */
function edgeOf(path: LifecyclePath): string {
  const { process, successor } = path.at(-2)?.state.chart.value ?? {
    process: 'planned',
    successor: 'afterBackoff',
  };
  return JSON.stringify([process, successor, happeningName(path.at(-1)?.event ?? { type: '' })]);
}

function isBeginning(path: LifecyclePath, other: LifecyclePath): boolean {
  return describeChartPath(other).startsWith(`${describeChartPath(path)} → `);
}

/** For each edge that a process can be led along, the shortest path with it at its end. */
function shortestPaths(): Map<string, LifecyclePath> {
  const paths = new Map<string, LifecyclePath>();
  for (const path of graphOf((state, event) => whyNot(state, event) === undefined).edgePaths()) {
    const edge = edgeOf(path);
    const known = paths.get(edge);
    if (known === undefined || path.length < known.length) paths.set(edge, path);
  }
  return paths;
}

const shortest = shortestPaths();

/** How many of the chart's edges are followed. */
export const followedEdges = shortest.size;

/** Paths with each edge that a process can be led along. One that another begins with is followed with it. */
export const lifecycleProcessPaths: readonly LifecyclePath[] = [...shortest.values()].filter(
  (path) => ![...shortest.values()].some((other) => other !== path && isBeginning(path, other)),
);

/** The edges that no process can be led along, by the reason. */
export function otherEdges(): Map<string, string[]> {
  const reasons = new Map<string, string>();
  for (const path of graphOf(() => true).edgePaths()) {
    const edge = edgeOf(path);
    const last = path.at(-1);
    const before = path.at(-2)?.state;
    if (last === undefined || shortest.has(edge) || reasons.has(edge)) continue;
    const why = before === undefined ? undefined : whyNot(before, last.event);
    reasons.set(edge, why ?? 'only what no process can be led along comes there');
  }
  const edges = new Map<string, string[]>();
  for (const [edge, why] of reasons) edges.set(why, [...(edges.get(why) ?? []), edge]);
  return edges;
}
