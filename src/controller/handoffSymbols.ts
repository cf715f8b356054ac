import {
  type BackendHandoffEvent,
  backendHandoff,
  type HandoffAttemptInputs,
  type HandoffFailure,
} from '../../machines/backendHandoff';
import { HANDOFF_FAILURES } from '../../machines/vocabulary';
import { delayedEvent } from '../chart/delayedEvent';
import { invalidType, outOfRange, requireBoolean } from '../errors/invalidArgument';
import { type OptionNames, readOptions } from '../errors/readOptions';

/*
 * The chart's alphabet. In the same state, two events with the same symbol have the same effect and the same answer. A symbol
 * is a number, so it needs no allocation and is the index of an edge. Its lowest bits are flags that any event may carry: the
 * window is over, and other attempts are still in flight.
 */
const ELAPSED = 1;
const OTHERS_IN_FLIGHT = 2;
const CLIENT_SUPPORTS = 2;
const POLICY_ENABLED = 4;
const FD_PRESSURE = 8;
const ADOPTED = 16;
const NOT_ADOPTED = 32;
const FIRST_FAILED = 48;
const SYMBOLS_OF_AN_END = 4;

export const SUCCEEDED = FIRST_FAILED + SYMBOLS_OF_AN_END * HANDOFF_FAILURES.length;
export const ABANDONED = SUCCEEDED + SYMBOLS_OF_AN_END;
export const QUERIED = ABANDONED + SYMBOLS_OF_AN_END;
export const BACKEND_ADOPTED = QUERIED + 2;
export const BACKEND_SPAWNED = BACKEND_ADOPTED + 1;
export const BACKEND_REJOINED = BACKEND_SPAWNED + 1;
export const WINDOW_TIMER = BACKEND_REJOINED + 1;

/** The symbol of the same event once the window is over. */
export function elapsedSymbol(symbol: number): number {
  return symbol | ELAPSED;
}

/** The symbol of the same attempt's end while others are still in flight. */
export function othersInFlightSymbol(symbol: number): number {
  return symbol | OTHERS_IN_FLIGHT;
}

const INPUT_NAMES: OptionNames<HandoffAttemptInputs> = {
  clientSupportsHandoff: true,
  servicePolicyEnabled: true,
  fdPressureDisabled: true,
  backendAdoptedExisting: true,
};

/**
 * A checked copy of a request's inputs.
 *
 * @param name what the inputs are called in an error
 * @throws TypeError an input is missing, unknown or not a boolean
 */
export function checkInputs(name: string, inputs: unknown): HandoffAttemptInputs {
  const values = readOptions<HandoffAttemptInputs>(name, inputs, INPUT_NAMES);
  for (const field of ['clientSupportsHandoff', 'servicePolicyEnabled', 'fdPressureDisabled'] as const) {
    requireBoolean(`${name}.${field}`, values[field]);
  }
  const { backendAdoptedExisting: adopted } = values;
  if (adopted !== undefined && typeof adopted !== 'boolean') {
    throw invalidType(`${name}.backendAdoptedExisting`, 'a boolean or left out', adopted);
  }
  return values;
}

/** Comparing the names themselves is several times as fast as looking each up in `INPUT_NAMES`. */
function isInputName(name: string): boolean {
  return (
    name === 'clientSupportsHandoff' ||
    name === 'servicePolicyEnabled' ||
    name === 'fdPressureDisabled' ||
    name === 'backendAdoptedExisting'
  );
}

/**
 * The symbol of a request whose window is not over.
 * @throws TypeError an input is missing, unknown or not a boolean
 */
export function requestSymbol(inputs: HandoffAttemptInputs): number {
  let client: unknown;
  let policy: unknown;
  let pressure: unknown;
  let adopted: unknown;
  let areKnown = true;
  try {
    client = inputs.clientSupportsHandoff;
    policy = inputs.servicePolicyEnabled;
    pressure = inputs.fdPressureDisabled;
    adopted = inputs.backendAdoptedExisting;
    for (const name in inputs) areKnown &&= isInputName(name);
  } catch {
    areKnown = false;
  }
  if (
    areKnown &&
    typeof client === 'boolean' &&
    typeof policy === 'boolean' &&
    typeof pressure === 'boolean' &&
    (adopted === undefined || typeof adopted === 'boolean')
  ) {
    return symbolOfInputs(client, policy, pressure, adopted);
  }
  const checked = checkInputs('inputs', inputs);
  return symbolOfInputs(
    checked.clientSupportsHandoff,
    checked.servicePolicyEnabled,
    checked.fdPressureDisabled,
    checked.backendAdoptedExisting,
  );
}

function symbolOfInputs(
  client: boolean,
  policy: boolean,
  pressure: boolean,
  adopted: boolean | undefined,
): number {
  return (
    (client ? CLIENT_SUPPORTS : 0) |
    (policy ? POLICY_ENABLED : 0) |
    (pressure ? FD_PRESSURE : 0) |
    (adopted === undefined ? 0 : adopted ? ADOPTED : NOT_ADOPTED)
  );
}

/**
 * The symbol of the failure of an attempt that was the last in flight.
 * @throws RangeError not one of the three failures
 */
export function failedSymbol(failure: HandoffFailure): number {
  const index = HANDOFF_FAILURES.indexOf(failure);
  if (index === -1) throw outOfRange('failure', `one of ${HANDOFF_FAILURES.join(', ')}`, failure);
  return FIRST_FAILED + SYMBOLS_OF_AN_END * index;
}

const BOOLEANS = [false, true] as const;

function listEvents(): readonly BackendHandoffEvent[] {
  const events: BackendHandoffEvent[] = [];
  for (const windowElapsed of BOOLEANS) {
    const at = (symbol: number): number => (windowElapsed ? elapsedSymbol(symbol) : symbol);
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
            events[at(requestSymbol(inputs))] = {
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
        const among = (symbol: number): number => (othersInFlight ? othersInFlightSymbol(symbol) : symbol);
        events[at(among(failedSymbol(failure)))] = {
          type: 'attempt.failed',
          failure,
          othersInFlight,
          windowElapsed,
        };
      }
    }
    events[at(QUERIED)] = { type: 'count.queried', windowElapsed };
  }
  for (const othersInFlight of BOOLEANS) {
    const among = (symbol: number): number => (othersInFlight ? othersInFlightSymbol(symbol) : symbol);
    events[among(SUCCEEDED)] = { type: 'attempt.succeeded', othersInFlight };
    events[among(ABANDONED)] = { type: 'attempt.abandoned', othersInFlight };
  }
  events[BACKEND_ADOPTED] = { type: 'backend.adopted' };
  events[BACKEND_SPAWNED] = { type: 'backend.spawned' };
  events[BACKEND_REJOINED] = { type: 'backend.rejoined' };
  events[WINDOW_TIMER] = delayedEvent(backendHandoff, 'failedAttemptWindow') as BackendHandoffEvent;
  return events.map((event) => Object.freeze(event));
}

/** For each symbol, an event that has it. */
export const EVENTS = listEvents();

/** An event that has this symbol. */
export function eventOfSymbol(symbol: number): BackendHandoffEvent {
  const event = EVENTS[symbol];
  if (event === undefined) throw new Error(`No event of symbol ${symbol}`);
  return event;
}
