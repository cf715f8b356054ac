import { handoffTransfer, TRANSFER_REFUSALS } from '../../machines';
import { ChartGraph } from './chartGraph';
import { DEADLINE_EVENT, type TransferHappening } from './TransferModel';

/** What of the world decides what can come next. */
export interface TransferWorld {
  /** Its turn has come: it comes once. */
  readonly hasTurn: boolean;
  /** The announcement is being written. */
  readonly isAnnouncing: boolean;
  /** The channel has the handle, and hasn't said what became of it. */
  readonly isSending: boolean;
  readonly isDeadlineOver: boolean;
  readonly isChannelClosed: boolean;
}

const INITIAL: TransferWorld = {
  hasTurn: false,
  isAnnouncing: false,
  isSending: false,
  isDeadlineOver: false,
  isChannelClosed: false,
};

const TURNS: readonly TransferHappening[] = [
  { type: 'turn.came', clientKnows: false },
  { type: 'turn.came', clientKnows: true, hasReadTooFar: false },
  { type: 'turn.came', clientKnows: true, hasReadTooFar: true },
];

const ANNOUNCEMENT_ENDS: readonly TransferHappening[] = [
  { type: 'announcement.written', hasReadTooFar: false },
  { type: 'announcement.written', hasReadTooFar: true },
  { type: 'announcement.failed' },
];

const SEND_ENDS: readonly TransferHappening[] = [
  { type: 'send.done' },
  { type: 'send.failed', cause: 'denied' },
  { type: 'send.failed', cause: 'outOfDescriptors' },
  { type: 'send.failed', cause: 'other' },
];

const ANSWERS: readonly TransferHappening[] = [
  { type: 'answer.acknowledged' },
  ...TRANSFER_REFUSALS.map((code) => ({ type: 'answer.refused', code }) as const),
  { type: 'answer.malformed' },
];

export const ALL_HAPPENINGS: readonly TransferHappening[] = [
  ...TURNS,
  ...ANNOUNCEMENT_ENDS,
  ...SEND_ENDS,
  ...ANSWERS,
  { type: 'channel.closed' },
  { type: DEADLINE_EVENT },
];

/** Anything at any time: what makes no sense must change nothing. */
export const anyTransferGraph = new ChartGraph<null>({
  machine: handoffTransfer,
  input: { ackDeadlineMs: 1000 },
  world: null,
  next: () => null,
  eventsIn: () => ALL_HAPPENINGS,
});

/** Only what can happen to a real transfer. */
export const realTransferGraph = new ChartGraph<TransferWorld>({
  machine: handoffTransfer,
  input: { ackDeadlineMs: 1000 },
  world: INITIAL,
  next: (world, { type }, emitted) => ({
    hasTurn: world.hasTurn || type === 'turn.came',
    isAnnouncing: emitted.includes('announce') || (world.isAnnouncing && !type.startsWith('announcement.')),
    isSending: emitted.includes('send') || (world.isSending && !type.startsWith('send.')),
    isDeadlineOver: world.isDeadlineOver || type === DEADLINE_EVENT,
    isChannelClosed: world.isChannelClosed || type === 'channel.closed',
  }),
  eventsIn: ({ chart, world }) => {
    const isOver = typeof (chart.value as { attempt: unknown }).attempt === 'string';
    const isSent = JSON.stringify(chart.value).includes('"sent"');
    return [
      ...(world.hasTurn || isOver || world.isChannelClosed ? [] : TURNS),
      ...(world.isAnnouncing ? ANNOUNCEMENT_ENDS : []),
      ...(world.isSending ? SEND_ENDS : []),
      ...(isSent && !world.isChannelClosed ? ANSWERS : []),
      ...(world.isChannelClosed ? [] : [{ type: 'channel.closed' }]),
      ...(world.isDeadlineOver || isOver ? [] : [{ type: DEADLINE_EVENT }]),
    ];
  },
});
