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

const PROVOKABLE_TURNS = TURNS.filter((turn) => !('hasReadTooFar' in turn && turn.hasReadTooFar));

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

/** Any event at any time: an event that doesn't apply must change nothing. */
export const anyTransferGraph = new ChartGraph<null>({
  machine: handoffTransfer,
  input: { ackDeadlineMs: 1000 },
  world: null,
  next: () => null,
  eventsIn: () => ALL_HAPPENINGS,
});

function nextWorld(world: TransferWorld, type: string, emitted: readonly string[]): TransferWorld {
  return {
    hasTurn: world.hasTurn || type === 'turn.came',
    isAnnouncing: emitted.includes('announce') || (world.isAnnouncing && !type.startsWith('announcement.')),
    isSending: emitted.includes('send') || (world.isSending && !type.startsWith('send.')),
    isDeadlineOver: world.isDeadlineOver || type === DEADLINE_EVENT,
    isChannelClosed: world.isChannelClosed || type === 'channel.closed',
  };
}

/** Only what can happen to a real transfer. */
export const realTransferGraph = new ChartGraph<TransferWorld>({
  machine: handoffTransfer,
  input: { ackDeadlineMs: 1000 },
  world: INITIAL,
  next: (world, { type }, emitted) => nextWorld(world, type, emitted),
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

/**
 * Only what real processes can be made to do to a transfer. Left out, since nobody outside the broker can provoke it:
 *
 * - `hasReadTooFar`, whether with `turn.came` or `announcement.written`: the broker stops reading at the handle before it
 *   has read too far. A Node on which it can't is not handed a connection in the first place.
 * - Anything between `announce` and its end: the announcement is the first that is written to the client, so the kernel has
 *   room for it and the write ends in the turn of the loop in which it began.
 * - An answer before `send.done`: the channel calls back as soon as the kernel has the handle. As long as it hasn't, because
 *   the channel is full, the backend has nothing to answer for.
 * - `send.failed` after the end of the attempt: a channel that is full fails by being closed, which is told first.
 *
 * @param canBeFull whether a send may wait for room in the channel. Where it can't, nothing comes between `send` and its
 * end: the handle is in the kernel, or refused, when the send returns.
 */
function provokableTransferGraph(canBeFull: boolean): ChartGraph<TransferWorld> {
  return new ChartGraph<TransferWorld>({
    machine: handoffTransfer,
    input: { ackDeadlineMs: 1000 },
    world: INITIAL,
    next: (world, { type }, emitted) => nextWorld(world, type, emitted),
    eventsIn: ({ chart, world }) => {
      if (world.isAnnouncing) {
        return [{ type: 'announcement.written', hasReadTooFar: false }, { type: 'announcement.failed' }];
      }
      const isOver = typeof (chart.value as { attempt: unknown }).attempt === 'string';
      const isInChannel = world.isSending && !world.isChannelClosed;
      if (isInChannel && !canBeFull) return SEND_ENDS;
      return [
        ...(isOver || world.hasTurn ? [] : PROVOKABLE_TURNS),
        ...(isInChannel ? (isOver ? [{ type: 'send.done' }] : SEND_ENDS) : []),
        ...(isOver || world.isSending || !world.hasTurn ? [] : ANSWERS),
        ...(isOver && !isInChannel ? [] : [{ type: 'channel.closed' }]),
        ...(isOver ? [] : [{ type: DEADLINE_EVENT }]),
      ];
    },
  });
}

/** What processes can do over Node's channel, which makes a send wait while the backend doesn't read. */
export const nodeIpcTransferGraph = provokableTransferGraph(true);

/**
 * What processes can do over a channel of its own. It has room for more handles than are ever on their way, and says at once
 * what became of each: a backend that dies or says nothing does so after `send.done`.
 */
export const scmRightsTransferGraph = provokableTransferGraph(false);
