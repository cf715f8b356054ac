import {
  type BackendHandoffEvent,
  HANDOFF_FAILURES,
  type HandoffAttemptInputs,
  type HandoffFailure,
} from '../machines/backendHandoff';
import { invalidType, outOfRange } from './invalidArgument';
import { type OptionNames, readOptions } from './readOptions';

/** The firing of the window's timer, as XState names it. */
const WINDOW_TIMER_EVENT = { type: 'xstate.after.failedAttemptWindow.backendHandoff.window.open' };

/*
 * The chart's events fall into few classes, numbered here: from the same state, two events of one class have the same
 * effect and the same answer. A number costs nothing to make, and finds an edge by index. Its lowest bits are facts
 * that any event may come with: the window is over, and other attempts stay in flight.
 */
const ELAPSED = 1;
const OTHERS_IN_FLIGHT = 2;
const CLIENT_SUPPORTS = 2;
const POLICY_ENABLED = 4;
const FD_PRESSURE = 8;
const ADOPTED = 16;
const NOT_ADOPTED = 32;
const FIRST_FAILED = 48;
const CLASSES_OF_AN_END = 4;

export const SUCCEEDED_CLASS = FIRST_FAILED + CLASSES_OF_AN_END * HANDOFF_FAILURES.length;
export const ABANDONED_CLASS = SUCCEEDED_CLASS + CLASSES_OF_AN_END;
export const QUERIED_CLASS = ABANDONED_CLASS + CLASSES_OF_AN_END;
export const BACKEND_ADOPTED_CLASS = QUERIED_CLASS + 2;
export const BACKEND_SPAWNED_CLASS = BACKEND_ADOPTED_CLASS + 1;
export const WINDOW_TIMER_CLASS = BACKEND_SPAWNED_CLASS + 1;

/** The class of the same event at a moment at which the window is over. */
export function elapsedClass(eventClass: number): number {
  return eventClass | ELAPSED;
}

/** The class of the same end of an attempt while others stay in flight. */
export function othersInFlightClass(eventClass: number): number {
  return eventClass | OTHERS_IN_FLIGHT;
}

const INPUT_NAMES: OptionNames<HandoffAttemptInputs> = {
  clientSupportsHandoff: true,
  servicePolicyEnabled: true,
  fdPressureDisabled: true,
  backendAdoptedExisting: true,
};

/** Says what is wrong. Only here are the names looked at, since that would double what a decision costs. */
function refuseInputs(inputs: HandoffAttemptInputs): never {
  const values = readOptions('inputs', inputs, INPUT_NAMES);
  for (const field of ['clientSupportsHandoff', 'servicePolicyEnabled', 'fdPressureDisabled'] as const) {
    if (typeof values[field] !== 'boolean') throw invalidType(`inputs.${field}`, 'a boolean', values[field]);
  }
  const field = 'backendAdoptedExisting';
  throw invalidType(`inputs.${field}`, 'a boolean or left out', values[field]);
}

/**
 * The class of a request whose window is not over.
 * @throws TypeError an input is missing or not a boolean
 */
export function requestClass(inputs: HandoffAttemptInputs): number {
  let client: unknown;
  let policy: unknown;
  let pressure: unknown;
  let adopted: unknown;
  try {
    client = inputs.clientSupportsHandoff;
    policy = inputs.servicePolicyEnabled;
    pressure = inputs.fdPressureDisabled;
    adopted = inputs.backendAdoptedExisting;
  } catch {
    refuseInputs(inputs);
  }
  if (
    typeof client !== 'boolean' ||
    typeof policy !== 'boolean' ||
    typeof pressure !== 'boolean' ||
    (adopted !== undefined && typeof adopted !== 'boolean')
  ) {
    refuseInputs(inputs);
  }
  return (
    (client ? CLIENT_SUPPORTS : 0) |
    (policy ? POLICY_ENABLED : 0) |
    (pressure ? FD_PRESSURE : 0) |
    (adopted === undefined ? 0 : adopted ? ADOPTED : NOT_ADOPTED)
  );
}

/**
 * The class of the failure of an attempt that was the last in flight.
 * @throws RangeError not one of the three failures
 */
export function failedClass(failure: HandoffFailure): number {
  const index = HANDOFF_FAILURES.indexOf(failure);
  if (index === -1) throw outOfRange('failure', `one of ${HANDOFF_FAILURES.join(', ')}`, failure);
  return FIRST_FAILED + CLASSES_OF_AN_END * index;
}

const BOOLEANS = [false, true] as const;

function listEvents(): readonly BackendHandoffEvent[] {
  const events: BackendHandoffEvent[] = [];
  for (const windowElapsed of BOOLEANS) {
    const at = (eventClass: number): number => (windowElapsed ? elapsedClass(eventClass) : eventClass);
    for (const clientSupportsHandoff of BOOLEANS) {
      for (const servicePolicyEnabled of BOOLEANS) {
        for (const fdPressureDisabled of BOOLEANS) {
          for (const backendAdoptedExisting of [undefined, ...BOOLEANS]) {
            const inputs = {
              clientSupportsHandoff,
              servicePolicyEnabled,
              fdPressureDisabled,
              ...(backendAdoptedExisting !== undefined && { backendAdoptedExisting }),
            };
            events[at(requestClass(inputs))] = {
              type: 'request',
              ...inputs,
              windowElapsed,
            };
          }
        }
      }
    }
    for (const failure of HANDOFF_FAILURES) {
      for (const othersInFlight of BOOLEANS) {
        const among = (eventClass: number): number =>
          othersInFlight ? othersInFlightClass(eventClass) : eventClass;
        events[at(among(failedClass(failure)))] = {
          type: 'attempt.failed',
          failure,
          othersInFlight,
          windowElapsed,
        };
      }
    }
    events[at(QUERIED_CLASS)] = { type: 'count.queried', windowElapsed };
  }
  for (const othersInFlight of BOOLEANS) {
    const among = (eventClass: number): number =>
      othersInFlight ? othersInFlightClass(eventClass) : eventClass;
    events[among(SUCCEEDED_CLASS)] = { type: 'attempt.succeeded', othersInFlight };
    events[among(ABANDONED_CLASS)] = { type: 'attempt.abandoned', othersInFlight };
  }
  events[BACKEND_ADOPTED_CLASS] = { type: 'backend.adopted' };
  events[BACKEND_SPAWNED_CLASS] = { type: 'backend.spawned' };
  // XState's own event, which the chart's type doesn't have.
  events[WINDOW_TIMER_CLASS] = WINDOW_TIMER_EVENT as BackendHandoffEvent;
  return events.map((event) => Object.freeze(event));
}

/** For each class, the event that stands for it. */
export const EVENTS = listEvents();

/** The event that stands for a class. */
export function eventOfClass(eventClass: number): BackendHandoffEvent {
  const event = EVENTS[eventClass];
  if (event === undefined) throw new Error(`No event of class ${eventClass}`);
  return event;
}
