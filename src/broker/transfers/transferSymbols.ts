import {
  type HandoffTransferEvent,
  handoffTransfer,
  TRANSFER_REFUSALS,
  type TransferRefusal,
} from '../../../machines';
import { delayedEvent } from '../../chart/delayedEvent';

const EVENTS: HandoffTransferEvent[] = [];

function add(event: HandoffTransferEvent): number {
  return EVENTS.push(Object.freeze(event)) - 1;
}

// The chart's alphabet: all events, numbered. A symbol is the index of an edge.
export const TURN_CAME = add({ type: 'turn.came', clientKnows: false });
export const TURN_CAME_TO_KNOWING = add({ type: 'turn.came', clientKnows: true, hasReadTooFar: false });
export const TURN_CAME_READ_TOO_FAR = add({ type: 'turn.came', clientKnows: true, hasReadTooFar: true });
export const ANNOUNCED = add({ type: 'announcement.written', hasReadTooFar: false });
export const READ_TOO_FAR = add({ type: 'announcement.written', hasReadTooFar: true });
export const ANNOUNCEMENT_FAILED = add({ type: 'announcement.failed' });
export const SEND_DONE = add({ type: 'send.done' });
export const SEND_DENIED = add({ type: 'send.failed', cause: 'denied' });
export const SEND_OUT_OF_DESCRIPTORS = add({ type: 'send.failed', cause: 'outOfDescriptors' });
export const SEND_FAILED = add({ type: 'send.failed', cause: 'other' });
export const ACKNOWLEDGED = add({ type: 'answer.acknowledged' });
export const MALFORMED = add({ type: 'answer.malformed' });
export const CHANNEL_CLOSED = add({ type: 'channel.closed' });
export const DEADLINE_PASSED = add(delayedEvent(handoffTransfer, 'ackDeadline') as HandoffTransferEvent);
export const REFUSED = Object.fromEntries(
  TRANSFER_REFUSALS.map((code) => [code, add({ type: 'answer.refused', code })]),
) as Readonly<Record<TransferRefusal, number>>;

/** The event of a symbol. */
export function transferEventOf(symbol: number): HandoffTransferEvent {
  const event = EVENTS[symbol];
  if (event === undefined) throw new Error(`No event of symbol ${symbol}`);
  return event;
}
