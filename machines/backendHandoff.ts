import { and, assign, emit, not, or, raise, type SnapshotFrom, setup, stateIn } from 'xstate';

/** Why an attempt failed. Each is also the reason of the fallback that follows it. */
export type HandoffFailure = 'permissionDenied' | 'integrityMismatch' | 'backendAckTimeout';

/** Why a client is told to reconnect: the check that answered, or how the attempt failed. */
export type HandoffFallbackReason =
  | 'clientUnsupported'
  | 'servicePolicyDisabled'
  | 'fdPressureDisabled'
  | 'adoptedBackend'
  | 'failedAttemptRateLimited'
  | HandoffFailure;

/** The inputs of a request's checks. */
export interface HandoffAttemptInputs {
  /** The client supports handoff of its open connection. */
  readonly clientSupportsHandoff: boolean;
  /** The service's policy allows handoff. */
  readonly servicePolicyEnabled: boolean;
  /** Handoff is off because the process is short of file descriptors. */
  readonly fdPressureDisabled: boolean;
  /** An earlier broker started the backend. Left out: the chart's own `adopted` state answers. */
  readonly backendAdoptedExisting?: boolean | undefined;
}

/**
 * Whether the open window is over at the event's time. A timer may fire late or early, so events that read or count carry
 * this instead of relying on the timer.
 */
interface ReadsWindow {
  readonly windowElapsed: boolean;
}

/** Whether other attempts on this backend are still in flight after this one ended. */
interface EndsAttempt {
  readonly othersInFlight: boolean;
}

/** External events. */
export type BackendHandoffEvent =
  | ({ readonly type: 'request' } & HandoffAttemptInputs & ReadsWindow)
  | ({ readonly type: 'attempt.failed'; readonly failure: HandoffFailure } & EndsAttempt & ReadsWindow)
  | ({ readonly type: 'attempt.succeeded' } & EndsAttempt)
  | ({ readonly type: 'attempt.abandoned' } & EndsAttempt)
  | ({ readonly type: 'count.queried' } & ReadsWindow)
  | { readonly type: 'backend.adopted' }
  | { readonly type: 'backend.spawned' }
  | { readonly type: 'backend.rejoined' }
  | { readonly type: 'window.restored'; readonly failedAttempts: number };

/** Internal events, raised within one step. */
type InternalEvent =
  | ({ readonly type: 'window.touch' } & ReadsWindow)
  | { readonly type: 'window.count' }
  | { readonly type: 'budget.check' };

/** What the chart emits to the sender of an event. */
export type BackendHandoffEmitted =
  | HandoffAnswer
  /** One more attempt is in flight. */
  | { readonly type: 'attempt.started' }
  /** One attempt fewer is in flight. */
  | { readonly type: 'attempt.ended' }
  /** The window opened at the event's time, with count 0. */
  | { readonly type: 'window.opened' }
  /** A failure was counted in a window that was already open. The event's time is the reference for the time left. */
  | { readonly type: 'window.counted' };

/** The chart's answer to a request or to a failed attempt. */
export type HandoffAnswer =
  | { readonly type: 'attempt' }
  | {
      readonly type: 'fallback';
      readonly reason: HandoffFallbackReason;
      /** The answer holds until the window ends, so it carries the time left. */
      readonly untilWindowEnds: boolean;
    };

/** The policy of one backend's chart, already validated and clamped. */
export interface BackendHandoffInput {
  /** Failed attempts that use up a window's budget: an integer from 1. */
  readonly maxFailedAttemptsPerWindow: number;
  /** The window's length in milliseconds, over 0. */
  readonly failedAttemptWindowMs: number;
}

/** `hasWindow`: there is a window, open or elapsed. `outlivesController`: the state is persisted for a later controller. */
export type BackendHandoffTag = 'hasWindow' | 'outlivesController';

export interface BackendHandoffContext extends BackendHandoffInput {
  /** Failed attempts counted in the window, from 0 to the maximum. Stale once the window has elapsed. */
  readonly failedAttempts: number;
  /** At least one attempt is in flight. The count is kept outside the chart. */
  readonly attemptsInFlight: boolean;
}

const chartSetup = setup({
  types: {
    context: {} as BackendHandoffContext,
    events: {} as BackendHandoffEvent | InternalEvent,
    emitted: {} as BackendHandoffEmitted,
    input: {} as BackendHandoffInput,
    tags: {} as BackendHandoffTag,
  },
  delays: {
    failedAttemptWindow: ({ context }) => context.failedAttemptWindowMs,
  },
  guards: {
    clientUnsupported: ({ event }) => event.type === 'request' && !event.clientSupportsHandoff,
    servicePolicyDisabled: ({ event }) => event.type === 'request' && !event.servicePolicyEnabled,
    fdPressureDisabled: ({ event }) => event.type === 'request' && event.fdPressureDisabled,
    inputSaysAdopted: ({ event }) => event.type === 'request' && event.backendAdoptedExisting === true,
    inputLeavesAdoptionOut: ({ event }) =>
      event.type === 'request' && event.backendAdoptedExisting === undefined,
    isAdopted: stateIn({ handoff: 'adopted' }),
    isWindowOpen: stateIn({ window: 'open' }),
    isBudgetUsedUp: ({ context }) => context.failedAttempts >= context.maxFailedAttemptsPerWindow,
    hasWindowElapsed: ({ event }) => 'windowElapsed' in event && event.windowElapsed,
    hasAttemptsInFlight: ({ context }) => context.attemptsInFlight,
  },
  actions: {
    answerAttempt: emit({ type: 'attempt' }),
    answerFallback: emit(
      (_, params: { reason: HandoffFallbackReason; untilWindowEnds?: boolean }) =>
        ({
          type: 'fallback',
          reason: params.reason,
          untilWindowEnds: params.untilWindowEnds ?? false,
        }) as const,
    ),
    tellWindowOpened: emit({ type: 'window.opened' }),
    tellWindowCounted: emit({ type: 'window.counted' }),
    tellAttemptStarted: emit({ type: 'attempt.started' }),
    tellAttemptEnded: emit({ type: 'attempt.ended' }),
    startAttempt: assign({ attemptsInFlight: true }),
    endAttempt: assign({
      attemptsInFlight: ({ event, context }) =>
        'othersInFlight' in event ? event.othersInFlight : context.attemptsInFlight,
    }),
    touchWindow: raise(({ event }) => ({
      type: 'window.touch',
      windowElapsed: 'windowElapsed' in event && event.windowElapsed,
    })),
    countFailure: assign({
      failedAttempts: ({ context }) =>
        Math.min(context.failedAttempts + 1, context.maxFailedAttemptsPerWindow),
    }),
    clearCount: assign({ failedAttempts: 0 }),
    restoreCount: assign({
      failedAttempts: ({ context, event }) =>
        event.type === 'window.restored'
          ? Math.min(event.failedAttempts, context.maxFailedAttemptsPerWindow)
          : context.failedAttempts,
    }),
  },
})
  .extend({
    guards: {
      adoptedBackend: or(['inputSaysAdopted', and(['inputLeavesAdoptionOut', 'isAdopted'])]),
      failedAttemptRateLimited: and(['isWindowOpen', 'isBudgetUsedUp']),
      hasNoAttemptsInFlight: not('hasAttemptsInFlight'),
    },
  })
  .extend({
    guards: {
      hasBudgetLeft: not('failedAttemptRateLimited'),
    },
  });

/**
 * Decides about handoff to one backend. Region `handoff` answers requests, region `window` counts failed attempts. The checks
 * run in the policy's order; a request that fails checks 1 to 4 leaves the window unchanged.
 */
export const backendHandoff = chartSetup.createMachine({
  id: 'backendHandoff',
  description: 'Whether to hand a client\u2019s open connection to one backend.',
  type: 'parallel',
  context: ({ input }) => ({ ...input, failedAttempts: 0, attemptsInFlight: false }),
  on: {
    'count.queried': {
      description: 'The count is read: an elapsed window reopens at the time of the event.',
      actions: 'touchWindow',
    },
  },
  states: {
    handoff: {
      description: 'How the next request would be answered.',
      initial: 'idle',
      on: {
        request: [
          {
            guard: 'clientUnsupported',
            description: 'Check 1: the client cannot go on over its open connection.',
            actions: { type: 'answerFallback', params: { reason: 'clientUnsupported' } },
          },
          {
            guard: 'servicePolicyDisabled',
            description: 'Check 2: the service\u2019s policy forbids handoff.',
            actions: { type: 'answerFallback', params: { reason: 'servicePolicyDisabled' } },
          },
          {
            guard: 'fdPressureDisabled',
            description: 'Check 3: the broker is short of file descriptors.',
            actions: { type: 'answerFallback', params: { reason: 'fdPressureDisabled' } },
          },
          {
            guard: 'adoptedBackend',
            description: 'Check 4: an earlier broker started the backend, so nothing can be handed to it.',
            target: '.adopted',
            actions: { type: 'answerFallback', params: { reason: 'adoptedBackend' } },
          },
          {
            description:
              'Checks 1 to 4 passed: the backend is this broker\u2019s own; read the window\u2019s budget.',
            actions: [raise({ type: 'backend.spawned' }), 'touchWindow', raise({ type: 'budget.check' })],
          },
        ],
        'budget.check': [
          {
            guard: 'failedAttemptRateLimited',
            description: 'Check 5: the window\u2019s budget of failed attempts is used up.',
            actions: {
              type: 'answerFallback',
              params: { reason: 'failedAttemptRateLimited', untilWindowEnds: true },
            },
          },
          {
            description: 'All checks passed: try to hand the connection over.',
            actions: ['startAttempt', 'tellAttemptStarted', 'answerAttempt'],
          },
        ],
        'attempt.failed': {
          description: 'The client reconnects for the failure\u2019s reason; the window counts it.',
          actions: [
            'endAttempt',
            'tellAttemptEnded',
            {
              type: 'answerFallback',
              params: ({ event }) => ({ reason: event.failure }),
            },
            'touchWindow',
            raise({ type: 'window.count' }),
          ],
        },
        'attempt.succeeded': {
          description: 'The backend owns the connection.',
          actions: ['endAttempt', 'tellAttemptEnded'],
        },
        'attempt.abandoned': {
          description: 'The attempt ended with neither success nor failure: the window is unchanged.',
          actions: ['endAttempt', 'tellAttemptEnded'],
        },
        'backend.adopted': {
          description: 'The backend was found alive after a restart of the broker.',
          target: '.adopted',
        },
      },
      states: {
        idle: {
          description: 'Handoff is possible, and no attempt is in flight.',
          always: [
            {
              guard: 'failedAttemptRateLimited',
              description: 'The budget is used up.',
              target: 'rateLimited',
            },
            {
              guard: 'hasAttemptsInFlight',
              description: 'An attempt is in flight.',
              target: 'attempting',
            },
          ],
        },
        attempting: {
          description: 'At least one attempt is in flight; further ones are allowed.',
          always: [
            {
              guard: 'failedAttemptRateLimited',
              description: 'The budget is used up while attempts are in flight.',
              target: 'rateLimited',
            },
            {
              guard: 'hasNoAttemptsInFlight',
              description: 'The last attempt ended.',
              target: 'idle',
            },
          ],
        },
        rateLimited: {
          description: 'The backend kept failing: clients reconnect until the window ends.',
          always: {
            guard: 'hasBudgetLeft',
            description: 'The window ended or was cleared by a success.',
            target: 'idle',
          },
        },
        adopted: {
          description:
            'An earlier broker started the backend, and there is no channel to it: clients reconnect.',
          tags: 'outlivesController',
          on: {
            'backend.spawned': {
              description: 'This broker restarted the backend: handoff is possible again.',
              target: 'idle',
            },
            'backend.rejoined': {
              description: 'This broker has opened a channel to the backend: handoff is possible.',
              target: 'idle',
            },
          },
        },
      },
    },
    window: {
      description: 'The period in which failed attempts are counted.',
      initial: 'closed',
      on: {
        'attempt.succeeded': {
          description: 'A success removes the window.',
          target: '.closed',
          actions: 'clearCount',
        },
      },
      states: {
        closed: {
          description: 'The backend has not failed since the start or its last success.',
          on: {
            'window.count': {
              description: 'The first failure opens the window and counts 1.',
              target: 'open',
              actions: ['countFailure', 'tellWindowOpened'],
            },
            'window.restored': {
              description: 'Resumes an earlier controller\u2019s window with the time it had left.',
              target: 'open',
              actions: 'restoreCount',
            },
          },
        },
        open: {
          description: 'Failed attempts are being counted.',
          tags: ['hasWindow', 'outlivesController'],
          after: {
            failedAttemptWindow: {
              description: 'The window is over; the next read or count reopens it.',
              target: 'elapsed',
            },
          },
          on: {
            'window.touch': {
              guard: 'hasWindowElapsed',
              description: 'Read after its end, before its timer fired: the window reopens at count 0.',
              target: 'open',
              reenter: true,
              actions: ['clearCount', 'tellWindowOpened'],
            },
            'window.count': {
              description: 'One more failed attempt, up to the maximum; the window is not extended.',
              actions: ['countFailure', 'tellWindowCounted'],
            },
          },
        },
        elapsed: {
          description: 'The window is over and has not been read since.',
          tags: ['hasWindow', 'outlivesController'],
          on: {
            'window.touch': [
              {
                guard: 'hasWindowElapsed',
                description: 'Read after its end: the window reopens at count 0.',
                target: 'open',
                actions: ['clearCount', 'tellWindowOpened'],
              },
              {
                description: 'The timer fired early by the reader\u2019s clock: the window is still open.',
                target: 'open',
              },
            ],
          },
        },
      },
    },
  },
});

export type BackendHandoffSnapshot = SnapshotFrom<typeof backendHandoff>;

/** The states of region `handoff`. */
export type BackendHandoffState = BackendHandoffSnapshot['value']['handoff'];
