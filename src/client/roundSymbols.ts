import {
  type ConnectRoundEvent,
  connectRound,
  ROUND_ERROR_ANSWERS,
  ROUND_LOSSES,
  type RoundErrorAnswer,
  type RoundLoss,
} from '../../machines/connectRound';
import { delayedEvent } from '../chart/delayedEvent';

const events: ConnectRoundEvent[] = [];

function add(event: ConnectRoundEvent): number {
  return events.push(Object.freeze(event)) - 1;
}

// Any value: a deadline's target doesn't depend on its length.
const deadlineMs = 1;

// The chart's alphabet: all events, numbered. A symbol is the index of an edge.
export const STARTED = add({ type: 'round.started', clientKnows: false });
export const STARTED_KNOWING = add({ type: 'round.started', clientKnows: true, deadlineMs });
export const CANCELLED = add({ type: 'round.cancelled' });
export const ANNOUNCED = add({ type: 'first.announced', namesAnother: false, deadlineMs });
export const ANNOUNCED_ANOTHER = add({ type: 'first.announced', namesAnother: true, deadlineMs });
export const FIRST_READY = add({ type: 'first.ready' });
export const RECONNECT = add({ type: 'first.reconnect', namesAnother: false });
export const RECONNECT_TO_ANOTHER = add({ type: 'first.reconnect', namesAnother: true });
export const SECOND_READY = add({ type: 'second.ready' });
export const SECOND_CLAIMED = add({ type: 'second.claimed' });
export const SECOND_ERROR = add({ type: 'second.error' });
export const SECOND_LOST = add({ type: 'second.lost' });
export const TORN = add({ type: 'route.torn' });
export const GARBLED = add({ type: 'route.garbled' });
export const DEADLINE_PASSED = add(delayedEvent(connectRound, 'deadline') as ConnectRoundEvent);
export const FIRST_ERROR = Object.fromEntries(
  ROUND_ERROR_ANSWERS.map((answer) => [answer, add({ type: 'first.error', answer })]),
) as Readonly<Record<RoundErrorAnswer, number>>;
export const FIRST_LOST = Object.fromEntries(
  ROUND_LOSSES.map((loss) => [loss, add({ type: 'first.lost', loss })]),
) as Readonly<Record<RoundLoss, number>>;

/** The events, by symbol. */
export const ROUND_EVENTS: readonly ConnectRoundEvent[] = events;
