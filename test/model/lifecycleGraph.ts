import { type AnyMachineSnapshot, type EventObject, transition } from 'xstate';
import { type BackendLifecycleEvent, type BackendLifecycleSnapshot, backendLifecycle } from '../../machines';
import { delayedEvent } from '../../src/chart/delayedEvent';
import type { LifecycleDelay, LifecycleHappening } from './LifecycleModel';

export const LIFECYCLE_INPUT = {
  restartDelayMs: 100,
  startTimeoutMs: 10_000,
  stableAfterMs: 10_000,
  stopTimeoutMs: 5000,
  channelDrainMs: 500,
};

const EVENTS: readonly BackendLifecycleEvent[] = [
  { type: 'start.asked' },
  { type: 'replacement.asked' },
  { type: 'retirement.asked', clientGraceMs: 1000 },
  { type: 'stop.asked' },
  { type: 'kill.asked' },
  { type: 'leave.asked' },
  { type: 'spawn.failed' },
  { type: 'process.listening' },
  { type: 'process.exited', isChannelOpen: true },
  { type: 'process.exited', isChannelOpen: false },
  { type: 'channel.opened' },
  { type: 'channel.closed' },
  { type: 'endpoint.closed' },
  { type: 'process.found' },
];

export const LIFECYCLE_DELAYS = Object.keys(backendLifecycle.implementations.delays) as LifecycleDelay[];
const delayOf = new Map<string, LifecycleDelay>(
  LIFECYCLE_DELAYS.map((delay) => [delayedEvent(backendLifecycle, delay).type, delay]),
);

/** All that can happen to a process of a backend, as the chart is told of it. */
export const LIFECYCLE_HAPPENINGS: readonly EventObject[] = [
  ...EVENTS,
  ...[...delayOf.keys()].map((type) => ({ type })),
];

/** An event of the chart, as the model is told of it. */
export function happeningOf(event: EventObject): LifecycleHappening {
  const delay = delayOf.get(event.type);
  return delay === undefined ? (event as BackendLifecycleEvent) : { type: 'passed', delay };
}

/** An event's type or, of one that a delay ends with, the delay's name. */
export function happeningName(event: EventObject): string {
  return delayOf.get(event.type) ?? event.type;
}

/** Whether an event brings the chart to another state. */
export function changesLifecycle(chart: AnyMachineSnapshot, event: EventObject): boolean {
  const [next] = transition(
    backendLifecycle,
    chart as BackendLifecycleSnapshot,
    event as BackendLifecycleEvent,
  );
  return JSON.stringify(next.value) !== JSON.stringify(chart.value);
}
