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
 * Why a handle could not be sent over the channel. `denied` and `outOfDescriptors`: it never left this process. `other`:
 * unknown, so it may have left.
 */
export type TransferSendFailure = 'denied' | 'outOfDescriptors' | 'other';

/** Why a transfer was abandoned: neither a success nor the backend's failure. */
export type TransferAbandonment = 'clientLeft' | 'readTooFar' | 'busy' | 'outOfDescriptors';

/**
 * How a transfer ended. `mayWrite`: only this process has the connection, so it may answer on it; otherwise it may only close
 * its copy. `reason`: reconnect reason for an abandoned transfer.
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

/** External events. */
export type HandoffTransferEvent =
  /** No other handle is in the channel. */
  | { readonly type: 'turn.came'; readonly clientKnows: false }
  /**
   * The same, for a client that needs no announcement: it knows the backend's endpoint and falls back to it by itself.
   * `hasReadTooFar` as with the announcement.
   */
  | { readonly type: 'turn.came'; readonly clientKnows: true; readonly hasReadTooFar: boolean }
  /**
   * The client's announcement is in the kernel. `hasReadTooFar`: this process has read client bytes that can no longer reach
   * the backend in order.
   */
  | { readonly type: 'announcement.written'; readonly hasReadTooFar: boolean }
  | { readonly type: 'announcement.failed' }
  /** The channel no longer needs this process's copy of the handle. */
  | { readonly type: 'send.done' }
  | { readonly type: 'send.failed'; readonly cause: TransferSendFailure }
  /** With this transfer's token. */
  | { readonly type: 'answer.acknowledged' }
  | { readonly type: 'answer.refused'; readonly code: TransferRefusal }
  /** An invalid answer arrived while this handle was the oldest unanswered one. */
  | { readonly type: 'answer.malformed' }
  | { readonly type: 'channel.closed' };

/** What the chart tells the sender of an event to do. */
export type HandoffTransferEmitted =
  /** Tell the client that its connection is about to be passed on. */
  | { readonly type: 'announce' }
  /** Send the handle over the channel. */
  | { readonly type: 'send' }
  /** The transfer has ended. Emitted once. */
  | { readonly type: 'ended'; readonly outcome: TransferOutcome }
  /**
   * Close this process's copy of the connection. Emitted at most once, after `ended`. Not emitted if the outcome has `mayWrite`:
   * the code that answers on the connection closes it.
   */
  | { readonly type: 'close' };

/** Internal event, raised within one step. */
type InternalEvent = { readonly type: 'attempt.ended'; readonly mayWrite: boolean };

export interface HandoffTransferInput {
  /** Milliseconds from the start to the backend's answer, the wait in the queue included; over 0. */
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
 * One attempt to hand one connection to one backend process. Region `attempt` is its outcome; region `copy` decides whether
 * and when this process closes its copy of the connection. A late event has no transition, so it changes nothing.
 */
export const handoffTransfer = chartSetup.createMachine({
  id: 'handoffTransfer',
  description: 'One attempt to hand one open connection to one backend process.',
  type: 'parallel',
  context: ({ input }) => ({ ...input }),
  states: {
    attempt: {
      description: 'The outcome of the attempt.',
      initial: 'pending',
      states: {
        pending: {
          description: 'The attempt has not ended.',
          initial: 'issued',
          after: {
            ackDeadline: [
              {
                guard: 'isSent',
                description: 'The backend has or will get the handle, but did not answer in time.',
                target: 'failed',
                actions: {
                  type: 'tellEnd',
                  params: { type: 'failed', failure: 'backendAckTimeout', mayWrite: false },
                },
              },
              {
                description: 'It waited too long in the queue: the handle was never sent and never will be.',
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
              description: 'The channel is closed: no answer will arrive, and nothing can be sent.',
              target: 'failed',
              actions: {
                type: 'tellEnd',
                params: { type: 'failed', failure: 'backendAckTimeout', mayWrite: false },
              },
            },
          },
          states: {
            issued: {
              description: 'It has a one-time token and waits in the queue.',
              on: {
                'turn.came': [
                  {
                    guard: 'hasReadTooFar',
                    description:
                      'The client needs no announcement, but this process has read bytes that the backend would miss.',
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
                    description: 'The client needs no announcement: send the handle.',
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
                    description: 'This process has read bytes that the backend would miss.',
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
                    description: 'The client was told: send the handle.',
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
                    description: 'The backend\u2019s policy refused it; the backend has closed its copy.',
                    target: '#handoffTransfer.attempt.failed',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'failed', failure: 'permissionDenied', mayWrite: true },
                    },
                  },
                  {
                    guard: 'isIntegrity',
                    description: 'The backend received something invalid and has closed its copy.',
                    target: '#handoffTransfer.attempt.failed',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'failed', failure: 'integrityMismatch', mayWrite: true },
                    },
                  },
                  {
                    guard: 'isBusy',
                    description: 'The backend is at a limit of its own and has closed its copy.',
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
                    description: 'It came too late for the backend: the client takes its other route.',
                    target: '#handoffTransfer.attempt.failed',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'failed', failure: 'backendAckTimeout', mayWrite: false },
                    },
                  },
                ],
                'answer.malformed': {
                  description: 'The backend\u2019s answer is invalid: it may or may not have the connection.',
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
                    description: 'It is unknown whether the handle left.',
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
          description: 'It ended with neither success nor failure: nothing is counted.',
          type: 'final',
        },
      },
    },
    copy: {
      description: 'This process\u2019s own copy of the connection.',
      initial: 'kept',
      states: {
        kept: {
          description: 'Open here, and not used by the channel.',
          on: {
            'attempt.ended': [
              {
                guard: 'mayWrite',
                description: 'It is needed to answer the client.',
                target: 'left',
              },
              { description: 'It is not needed any more.', target: 'closed', actions: 'close' },
            ],
            'announcement.written': {
              guard: 'mayBeSent',
              description: 'The channel needs the copy until it has sent it.',
              target: 'inChannel',
            },
            'turn.came': {
              guard: 'mayBeSentUnannounced',
              description: 'The same, without an announcement.',
              target: 'inChannel',
            },
          },
        },
        inChannel: {
          description:
            'The channel is sending it: closing it now would fail the send, or send a reused descriptor.',
          on: {
            'send.done': { description: 'The handle has left.', target: 'kept' },
            'send.failed': { description: 'The handle will not leave.', target: 'kept' },
            'channel.closed': {
              description: 'A closed channel does not report the result of every send.',
              target: 'kept',
            },
            'attempt.ended': [
              {
                guard: 'mayWrite',
                description: 'The backend gave it back: it is needed to answer the client.',
                target: 'left',
              },
              { description: 'It is still being sent.', target: 'unwanted' },
            ],
          },
        },
        unwanted: {
          description: 'Not needed any more, but the channel is still sending it.',
          on: {
            'send.done': { description: 'The handle has left.', target: 'closed', actions: 'close' },
            'send.failed': { description: 'The handle will not leave.', target: 'closed', actions: 'close' },
            'channel.closed': {
              description: 'A closed channel does not report the result of every send.',
              target: 'closed',
              actions: 'close',
            },
          },
        },
        left: {
          description: 'Left to the code that answers the client.',
          type: 'final',
        },
        closed: {
          description: 'Closed here; the backend may still have the connection open.',
          type: 'final',
        },
      },
    },
  },
});

export type HandoffTransferSnapshot = SnapshotFrom<typeof handoffTransfer>;
