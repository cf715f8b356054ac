import {
  type BackendHandoffEvent,
  HANDOFF_FAILURES,
  type HandoffAttemptInputs,
  type HandoffFailure,
} from '../machines/backendHandoff';
import { invalidType, outOfRange } from './invalidArgument';

/** The firing of the window's timer, as XState names it. */
const WINDOW_TIMER_EVENT = { type: 'xstate.after.failedAttemptWindow.backendHandoff.window.open' };

/**
 * The chart's events fall into few classes, numbered here: from the same state, two events of one class have the same
 * effect and the same answer. A number costs nothing to make and finds an edge by index.
 */
const CLIENT_SUPPORTS = 1;
const POLICY_ENABLED = 2;
const FD_PRESSURE = 4;
const REQUEST_ELAPSED = 8;
const ADOPTED = 16;
const NOT_ADOPTED = 32;
const FIRST_FAILED = 48;
const FIRST_SUCCEEDED = FIRST_FAILED + 4 * HANDOFF_FAILURES.length;
const FIRST_ABANDONED = FIRST_SUCCEEDED + 2;
const FIRST_QUERIED = FIRST_ABANDONED + 2;

export const BACKEND_ADOPTED_CLASS = FIRST_QUERIED + 2;
export const BACKEND_SPAWNED_CLASS = BACKEND_ADOPTED_CLASS + 1;
export const WINDOW_TIMER_CLASS = BACKEND_SPAWNED_CLASS + 1;

function notBoolean(field: string, value: unknown): TypeError {
  return invalidType(field, 'a boolean', value);
}

/**
 * The class of a request whose window is not over.
 * @throws TypeError an input is missing or not a boolean
 */
export function requestClass(inputs: HandoffAttemptInputs): number {
  if (typeof inputs !== 'object' || inputs === null) throw invalidType('inputs', 'an object', inputs);
  const { clientSupportsHandoff, servicePolicyEnabled, fdPressureDisabled, backendAdoptedExisting } = inputs;
  if (typeof clientSupportsHandoff !== 'boolean') {
    throw notBoolean('inputs.clientSupportsHandoff', clientSupportsHandoff);
  }
  if (typeof servicePolicyEnabled !== 'boolean') {
    throw notBoolean('inputs.servicePolicyEnabled', servicePolicyEnabled);
  }
  if (typeof fdPressureDisabled !== 'boolean') {
    throw notBoolean('inputs.fdPressureDisabled', fdPressureDisabled);
  }
  if (backendAdoptedExisting !== undefined && typeof backendAdoptedExisting !== 'boolean') {
    throw notBoolean('inputs.backendAdoptedExisting', backendAdoptedExisting);
  }
  return (
    (clientSupportsHandoff ? CLIENT_SUPPORTS : 0) |
    (servicePolicyEnabled ? POLICY_ENABLED : 0) |
    (fdPressureDisabled ? FD_PRESSURE : 0) |
    (backendAdoptedExisting === undefined ? 0 : backendAdoptedExisting ? ADOPTED : NOT_ADOPTED)
  );
}

/** The class of the same request at a moment at which the window may be over. */
export function requestClassAt(request: number, windowElapsed: boolean): number {
  return windowElapsed ? request | REQUEST_ELAPSED : request;
}

/**
 * The class of the failure of an attempt that was the last in flight.
 * @throws RangeError not one of the three failures
 */
export function failedClass(failure: HandoffFailure): number {
  const index = HANDOFF_FAILURES.indexOf(failure);
  if (index === -1) throw outOfRange('failure', `one of ${HANDOFF_FAILURES.join(', ')}`, failure);
  return FIRST_FAILED + 4 * index;
}

export function failedClassAt(failed: number, othersInFlight: boolean, windowElapsed: boolean): number {
  return failed + (othersInFlight ? 2 : 0) + (windowElapsed ? 1 : 0);
}

export function succeededClass(othersInFlight: boolean): number {
  return FIRST_SUCCEEDED + (othersInFlight ? 1 : 0);
}

export function abandonedClass(othersInFlight: boolean): number {
  return FIRST_ABANDONED + (othersInFlight ? 1 : 0);
}

export function queriedClass(windowElapsed: boolean): number {
  return FIRST_QUERIED + (windowElapsed ? 1 : 0);
}

const BOOLEANS = [false, true] as const;

function listEvents(): readonly BackendHandoffEvent[] {
  const events: BackendHandoffEvent[] = [];
  for (const windowElapsed of BOOLEANS) {
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
            events[requestClassAt(requestClass(inputs), windowElapsed)] = {
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
        events[failedClassAt(failedClass(failure), othersInFlight, windowElapsed)] = {
          type: 'attempt.failed',
          failure,
          othersInFlight,
          windowElapsed,
        };
      }
    }
    events[queriedClass(windowElapsed)] = { type: 'count.queried', windowElapsed };
  }
  for (const othersInFlight of BOOLEANS) {
    events[succeededClass(othersInFlight)] = { type: 'attempt.succeeded', othersInFlight };
    events[abandonedClass(othersInFlight)] = { type: 'attempt.abandoned', othersInFlight };
  }
  events[BACKEND_ADOPTED_CLASS] = { type: 'backend.adopted' };
  events[BACKEND_SPAWNED_CLASS] = { type: 'backend.spawned' };
  // XState's own event, which the chart's type doesn't have.
  events[WINDOW_TIMER_CLASS] = WINDOW_TIMER_EVENT as BackendHandoffEvent;
  return events.map((event) => Object.freeze(event));
}

const EVENTS = listEvents();

/** How many classes there are, from 0. */
export const EVENT_CLASSES = EVENTS.length;

/** The event that stands for a class. */
export function eventOfClass(eventClass: number): BackendHandoffEvent {
  const event = EVENTS[eventClass];
  if (event === undefined) throw new Error(`No event of class ${eventClass}`);
  return event;
}
