import { and, emit, enqueueActions, not, type SnapshotFrom, setup, stateIn } from 'xstate';
import type { HandoffFailure } from './backendHandoff';
import type { ReconnectReason } from './vocabulary';

/** Why a backend gives a handle back. */
export type TransferRefusal = 'permission' | 'integrity' | 'claimed' | 'expired' | 'busy' | 'clientLeft';

/** The refusals, for checks at run time. */
export const TRANSFER_REFUSALS = [
  'permission',
  'integrity',
  'claimed',
  'expired',
  'busy',
  'clientLeft',
] as const satisfies readonly TransferRefusal[];

/**
 * How a handle could not be put into the channel. `denied` and `outOfDescriptors`: it never left this process. `other`:
 * nobody can say.
 */
export type TransferSendFailure = 'denied' | 'outOfDescriptors' | 'other';

/** Why a transfer ended that was neither a success nor the backend's failure. */
export type TransferAbandonment = 'clientLeft' | 'readTooFar' | 'busy' | 'outOfDescriptors';

/**
 * How a transfer ended. `mayWrite` says whether the connection is still this process's alone, so that it may answer on
 * it; otherwise all it may do is close its copy. `reason` is what to tell a client whose transfer was abandoned.
 */
export type TransferOutcome =
  | { readonly type: 'acknowledged'; readonly mayWrite: false }
  | { readonly type: 'failed'; readonly failure: HandoffFailure; readonly mayWrite: boolean }
  | { readonly type: 'abandoned'; readonly cause: 'clientLeft'; readonly mayWrite: false }
  | {
      readonly type: 'abandoned';
      readonly cause: Exclude<TransferAbandonment, 'clientLeft'>;
      readonly reason: ReconnectReason;
      readonly mayWrite: true;
    };

/** The events that the outside may send. */
export type HandoffTransferEvent =
  /** No other handle is in the channel. */
  | { readonly type: 'turn.came'; readonly clientKnows: false }
  /**
   * The same, for a client that needs no announcement: it knows the backend's endpoint and uses it in time.
   * `hasReadTooFar` as with the announcement.
   */
  | { readonly type: 'turn.came'; readonly clientKnows: true; readonly hasReadTooFar: boolean }
  /**
   * The client's announcement is in the kernel. `hasReadTooFar`: this process has bytes of the client's that can't reach
   * the backend in their place any more.
   */
  | { readonly type: 'announcement.written'; readonly hasReadTooFar: boolean }
  | { readonly type: 'announcement.failed' }
  /** The channel doesn't need this process's copy of the handle any more. */
  | { readonly type: 'send.done' }
  | { readonly type: 'send.failed'; readonly cause: TransferSendFailure }
  /** With this transfer's own token. */
  | { readonly type: 'answer.acknowledged' }
  | { readonly type: 'answer.refused'; readonly code: TransferRefusal }
  /** A message that says it is an answer and makes no sense came, while this handle was the one to be answered for. */
  | { readonly type: 'answer.malformed' }
  | { readonly type: 'channel.closed' };

/** What the chart tells whoever sent an event to do. */
export type HandoffTransferEmitted =
  /** Tell the client that its connection is about to be passed on. */
  | { readonly type: 'announce' }
  /** Put the handle into the channel. */
  | { readonly type: 'send' }
  /** The transfer has ended. Told once. */
  | { readonly type: 'ended'; readonly outcome: TransferOutcome }
  /**
   * Close this process's copy of the connection. Told at most once, after `ended`. Not told if the outcome has `mayWrite`:
   * whoever answers on the connection closes it.
   */
  | { readonly type: 'close' };

/** The event that the chart raises itself, within one step. */
type InternalEvent = { readonly type: 'attempt.ended'; readonly mayWrite: boolean };

export interface HandoffTransferInput {
  /** Milliseconds from the start to the backend's answer, the wait for the turn included: over 0. */
  readonly ackDeadlineMs: number;
}

const chartSetup = setup({
  types: {
    context: {} as HandoffTransferInput,
    events: {} as HandoffTransferEvent | InternalEvent,
    emitted: {} as HandoffTransferEmitted,
    input: {} as HandoffTransferInput,
  },
  delays: {
    ackDeadline: ({ context }) => context.ackDeadlineMs,
  },
  guards: {
    clientKnows: ({ event }) => event.type === 'turn.came' && event.clientKnows,
    hasReadTooFar: ({ event }) =>
      (event.type === 'announcement.written' || (event.type === 'turn.came' && event.clientKnows)) &&
      event.hasReadTooFar,
    isDenied: ({ event }) => event.type === 'send.failed' && event.cause === 'denied',
    isOutOfDescriptors: ({ event }) => event.type === 'send.failed' && event.cause === 'outOfDescriptors',
    isPermission: ({ event }) => event.type === 'answer.refused' && event.code === 'permission',
    isIntegrity: ({ event }) => event.type === 'answer.refused' && event.code === 'integrity',
    isBusy: ({ event }) => event.type === 'answer.refused' && event.code === 'busy',
    isClientLeft: ({ event }) => event.type === 'answer.refused' && event.code === 'clientLeft',
    isIssued: stateIn({ attempt: { pending: 'issued' } }),
    isAnnounced: stateIn({ attempt: { pending: 'announced' } }),
    isSent: stateIn({ attempt: { pending: 'sent' } }),
    mayWrite: ({ event }) => event.type === 'attempt.ended' && event.mayWrite,
  },
  actions: {
    announce: emit({ type: 'announce' }),
    send: emit({ type: 'send' }),
    tellEnd: enqueueActions(({ enqueue }, outcome: TransferOutcome) => {
      enqueue.emit({ type: 'ended', outcome });
      enqueue.raise({ type: 'attempt.ended', mayWrite: outcome.mayWrite });
    }),
    close: emit({ type: 'close' }),
  },
}).extend({
  guards: {
    mayBeSent: and(['isAnnounced', not('hasReadTooFar')]),
    mayBeSentUnannounced: and(['isIssued', 'clientKnows', not('hasReadTooFar')]),
  },
});

/**
 * One try at handing one connection to one backend process. Region `attempt` says what became of it; region `copy` whether
 * and when this process closes its own copy of the connection. An event that comes too late finds no transition, so it
 * changes nothing.
 */
export const handoffTransfer = chartSetup.createMachine({
  id: 'handoffTransfer',
  description: 'One try at handing one open connection to one backend process.',
  type: 'parallel',
  context: ({ input }) => ({ ...input }),
  states: {
    attempt: {
      description: 'What became of the try.',
      initial: 'pending',
      states: {
        pending: {
          description: 'The try has not ended.',
          initial: 'issued',
          after: {
            ackDeadline: [
              {
                guard: 'isSent',
                description: 'The backend has the handle, or will have it, and said nothing in time.',
                target: 'failed',
                actions: {
                  type: 'tellEnd',
                  params: { type: 'failed', failure: 'backendAckTimeout', mayWrite: false },
                },
              },
              {
                description: 'Its turn did not come in time: the handle was never sent, and never will be.',
                target: 'failed',
                actions: {
                  type: 'tellEnd',
                  params: { type: 'failed', failure: 'backendAckTimeout', mayWrite: true },
                },
              },
            ],
          },
          on: {
            'channel.closed': {
              description: 'Nothing will be answered any more, nor sent.',
              target: 'failed',
              actions: {
                type: 'tellEnd',
                params: { type: 'failed', failure: 'backendAckTimeout', mayWrite: false },
              },
            },
          },
          states: {
            issued: {
              description: 'A one-time token is made; the try waits for its turn.',
              on: {
                'turn.came': [
                  {
                    guard: 'hasReadTooFar',
                    description: 'The client knows, but bytes of its are here that would be missing there.',
                    target: '#handoffTransfer.attempt.abandoned',
                    actions: {
                      type: 'tellEnd',
                      params: {
                        type: 'abandoned',
                        cause: 'readTooFar',
                        reason: 'transferLimit',
                        mayWrite: true,
                      },
                    },
                  },
                  {
                    guard: 'clientKnows',
                    description: 'There is nothing to tell the client: the handle goes into the channel.',
                    target: 'sent',
                    actions: 'send',
                  },
                  {
                    description: 'No other handle is in the channel: tell the client.',
                    target: 'announced',
                    actions: 'announce',
                  },
                ],
              },
            },
            announced: {
              description: 'The client is being told that its connection is about to be passed on.',
              on: {
                'announcement.written': [
                  {
                    guard: 'hasReadTooFar',
                    description: 'Bytes of the client\u2019s are here that would be missing there.',
                    target: '#handoffTransfer.attempt.abandoned',
                    actions: {
                      type: 'tellEnd',
                      params: {
                        type: 'abandoned',
                        cause: 'readTooFar',
                        reason: 'transferLimit',
                        mayWrite: true,
                      },
                    },
                  },
                  {
                    description: 'The client knows: the handle goes into the channel.',
                    target: 'sent',
                    actions: 'send',
                  },
                ],
                'announcement.failed': {
                  description: 'The client is gone.',
                  target: '#handoffTransfer.attempt.abandoned',
                  actions: {
                    type: 'tellEnd',
                    params: { type: 'abandoned', cause: 'clientLeft', mayWrite: false },
                  },
                },
              },
            },
            sent: {
              description: 'The handle is on its way, or there: only the backend may write to the client.',
              on: {
                'answer.acknowledged': {
                  description: 'The backend owns the connection.',
                  target: '#handoffTransfer.attempt.acknowledged',
                  actions: { type: 'tellEnd', params: { type: 'acknowledged', mayWrite: false } },
                },
                'answer.refused': [
                  {
                    guard: 'isPermission',
                    description: 'The backend may not take it, and has closed its copy.',
                    target: '#handoffTransfer.attempt.failed',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'failed', failure: 'permissionDenied', mayWrite: true },
                    },
                  },
                  {
                    guard: 'isIntegrity',
                    description: 'What the backend got was not right, and it has closed its copy.',
                    target: '#handoffTransfer.attempt.failed',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'failed', failure: 'integrityMismatch', mayWrite: true },
                    },
                  },
                  {
                    guard: 'isBusy',
                    description: 'The backend is at a bound of its own, and has closed its copy.',
                    target: '#handoffTransfer.attempt.abandoned',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'abandoned', cause: 'busy', reason: 'transferLimit', mayWrite: true },
                    },
                  },
                  {
                    guard: 'isClientLeft',
                    description: 'The client was gone when the backend wrote to it.',
                    target: '#handoffTransfer.attempt.abandoned',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'abandoned', cause: 'clientLeft', mayWrite: false },
                    },
                  },
                  {
                    description: 'It came too late for the backend; the client has its other route.',
                    target: '#handoffTransfer.attempt.failed',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'failed', failure: 'backendAckTimeout', mayWrite: false },
                    },
                  },
                ],
                'answer.malformed': {
                  description: 'The backend answered what makes no sense: it may have the connection or not.',
                  target: '#handoffTransfer.attempt.failed',
                  actions: {
                    type: 'tellEnd',
                    params: { type: 'failed', failure: 'integrityMismatch', mayWrite: false },
                  },
                },
                'send.failed': [
                  {
                    guard: 'isDenied',
                    description: 'The system forbids it (EACCES, EPERM): the handle never left.',
                    target: '#handoffTransfer.attempt.failed',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'failed', failure: 'permissionDenied', mayWrite: true },
                    },
                  },
                  {
                    guard: 'isOutOfDescriptors',
                    description: 'Descriptors are short here (EMFILE, ENFILE): the backend is not to blame.',
                    target: '#handoffTransfer.attempt.abandoned',
                    actions: {
                      type: 'tellEnd',
                      params: {
                        type: 'abandoned',
                        cause: 'outOfDescriptors',
                        reason: 'fdPressureDisabled',
                        mayWrite: true,
                      },
                    },
                  },
                  {
                    description: 'Nobody can say where the handle is.',
                    target: '#handoffTransfer.attempt.failed',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'failed', failure: 'backendAckTimeout', mayWrite: false },
                    },
                  },
                ],
              },
            },
          },
        },
        acknowledged: {
          description: 'The backend has the connection.',
          type: 'final',
        },
        failed: {
          description: 'The backend failed: the window counts it.',
          type: 'final',
        },
        abandoned: {
          description: 'Ended with neither success nor failure: nothing is counted.',
          type: 'final',
        },
      },
    },
    copy: {
      description: 'This process\u2019s own copy of the connection.',
      initial: 'kept',
      states: {
        kept: {
          description: 'Here, and not in the channel\u2019s hands.',
          on: {
            'attempt.ended': [
              {
                guard: 'mayWrite',
                description: 'There is something to say on it.',
                target: 'left',
              },
              { description: 'It is of no use here any more.', target: 'closed', actions: 'close' },
            ],
            'announcement.written': {
              guard: 'mayBeSent',
              description: 'The channel needs the copy until it has sent it.',
              target: 'inChannel',
            },
            'turn.came': {
              guard: 'mayBeSentUnannounced',
              description: 'The same, for a client that knows.',
              target: 'inChannel',
            },
          },
        },
        inChannel: {
          description: 'Closing it now would fail the send, or send another.',
          on: {
            'send.done': { description: 'The handle has left.', target: 'kept' },
            'send.failed': { description: 'The handle will not leave.', target: 'kept' },
            'channel.closed': {
              description: 'A closed channel does not tell what became of every send.',
              target: 'kept',
            },
            'attempt.ended': [
              {
                guard: 'mayWrite',
                description: 'The backend had it, and gave it back: there is something to say on it.',
                target: 'left',
              },
              { description: 'It is still being sent.', target: 'unwanted' },
            ],
          },
        },
        unwanted: {
          description: 'Of no use here any more, but the channel has not let go of it.',
          on: {
            'send.done': { description: 'The handle has left.', target: 'closed', actions: 'close' },
            'send.failed': { description: 'The handle will not leave.', target: 'closed', actions: 'close' },
            'channel.closed': {
              description: 'A closed channel does not tell what became of every send.',
              target: 'closed',
              actions: 'close',
            },
          },
        },
        left: {
          description: 'Left to whoever answers on it.',
          type: 'final',
        },
        closed: {
          description: 'Closed here; whether the connection is open is the backend\u2019s to say.',
          type: 'final',
        },
      },
    },
  },
});

export type HandoffTransferSnapshot = SnapshotFrom<typeof handoffTransfer>;
