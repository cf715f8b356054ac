import { and, emit, not, raise, type SnapshotFrom, setup, stateIn } from 'xstate';

/**
 * What a broker's `error` frame means to a round. `stale`: the backend named in the hello is gone. `retryable`: another round
 * may succeed. The others are final.
 */
export type RoundErrorAnswer = 'stale' | 'retryable' | 'unknownService' | 'noMatchingVersion' | 'refused';

/** All values. */
export const ROUND_ERROR_ANSWERS = [
  'stale',
  'retryable',
  'unknownService',
  'noMatchingVersion',
  'refused',
] as const satisfies readonly RoundErrorAnswer[];

/**
 * How a connection was lost before its `ready`. `nobodyThere`: nobody listens. `unsent`: not connected, or no byte was
 * written. `ended`: any other way; sent bytes may have arrived.
 */
export type RoundLoss = 'nobodyThere' | 'unsent' | 'ended';

/** All values. */
export const ROUND_LOSSES = ['nobodyThere', 'unsent', 'ended'] as const satisfies readonly RoundLoss[];

/** Why a round failed for good: another one would fail too. */
export type RoundFailure =
  | 'unknownService'
  | 'noMatchingVersion'
  | 'refused'
  | 'protocolError'
  | 'connectionLost';

/** External events. */
export type ConnectRoundEvent =
  /** The hello names no backend. */
  | { readonly type: 'round.started'; readonly clientKnows: false }
  /** The hello names the backend of this round; how long the client waits if the broker doesn't answer. */
  | { readonly type: 'round.started'; readonly clientKnows: true; readonly deadlineMs: number }
  /** The caller gave up. */
  | { readonly type: 'round.cancelled' }
  /**
   * `handoff` on the first connection, and how long to wait from now. `namesAnother`: it names a backend other than this
   * round's.
   */
  | { readonly type: 'first.announced'; readonly namesAnother: boolean; readonly deadlineMs: number }
  | { readonly type: 'first.ready' }
  | { readonly type: 'first.reconnect'; readonly namesAnother: boolean }
  | { readonly type: 'first.error'; readonly answer: RoundErrorAnswer }
  | { readonly type: 'first.lost'; readonly loss: RoundLoss }
  | { readonly type: 'second.ready' }
  | { readonly type: 'second.claimed' }
  | { readonly type: 'second.error' }
  | { readonly type: 'second.lost' }
  /** A write on either connection failed; the other side may have received part of it. */
  | { readonly type: 'route.torn' }
  /** Either connection received an invalid frame, or one that is never sent to a client. */
  | { readonly type: 'route.garbled' };

/** Internal event. */
type RaisedEvent = { readonly type: 'attach' };

/** How a round ended. */
export type RoundOutcome =
  | { readonly type: 'connected'; readonly route: 'handedOff' }
  /** `told`: the broker gave the reason. */
  | {
      readonly type: 'connected';
      readonly route: 'reconnected';
      readonly reason: 'told' | 'backendAckTimeout';
    }
  /** `pause` before the next round: none; the broker's `retryAfterMs`, if given; or the client's own backoff. */
  | {
      readonly type: 'again';
      readonly pause: 'none' | 'asTold' | 'own';
      readonly isBrokerMissing: boolean;
    }
  | { readonly type: 'failed'; readonly code: RoundFailure }
  | { readonly type: 'cancelled' };

/** What the chart tells the sender of an event to do. */
export type ConnectRoundEmitted =
  /** Connect to the broker and send `hello`. */
  | { readonly type: 'ask' }
  /** The received frame names this round's backend: store it. */
  | { readonly type: 'follow' }
  /** Forget this round's backend, so that the next round asks the broker. */
  | { readonly type: 'forget' }
  /** The announced backend took the connection: remember it, if the announcement allows that. */
  | { readonly type: 'remember' }
  /** Connect to the backend's endpoint and send `attach`. */
  | { readonly type: 'attach' }
  | { readonly type: 'close'; readonly route: 'first' | 'second' }
  /** The round is over: close every connection and deadline except the winner. Emitted once. */
  | { readonly type: 'ended'; readonly outcome: RoundOutcome };

const chartSetup = setup({
  types: {
    events: {} as ConnectRoundEvent | RaisedEvent,
    emitted: {} as ConnectRoundEmitted,
  },
  delays: {
    deadline: ({ event }) => ('deadlineMs' in event ? event.deadlineMs : 0),
  },
  guards: {
    clientKnows: ({ event }) => event.type === 'round.started' && event.clientKnows,
    namesAnother: ({ event }) => 'namesAnother' in event && event.namesAnother,
    isStale: ({ event }) => event.type === 'first.error' && event.answer === 'stale',
    isRetryable: ({ event }) => event.type === 'first.error' && event.answer === 'retryable',
    isUnknownService: ({ event }) => event.type === 'first.error' && event.answer === 'unknownService',
    isNoMatchingVersion: ({ event }) => event.type === 'first.error' && event.answer === 'noMatchingVersion',
    isNobodyThere: ({ event }) => event.type === 'first.lost' && event.loss === 'nobodyThere',
    isUnsent: ({ event }) => event.type === 'first.lost' && event.loss === 'unsent',
    isSecondUnused: stateIn({ trying: { second: 'unused' } }),
    isTold: stateIn({ trying: { first: { closed: 'told' } } }),
    isFirstClosed: stateIn({ trying: { first: 'closed' } }),
    isSecondEnded: stateIn({ trying: { second: 'ended' } }),
  },
  actions: {
    ask: emit({ type: 'ask' }),
    follow: emit({ type: 'follow' }),
    forget: emit({ type: 'forget' }),
    remember: emit({ type: 'remember' }),
    attach: emit({ type: 'attach' }),
    useSecond: raise({ type: 'attach' }),
    closeFirst: emit({ type: 'close', route: 'first' }),
    closeSecond: emit({ type: 'close', route: 'second' }),
    tellEnd: emit((_, outcome: RoundOutcome) => ({ type: 'ended', outcome }) as const),
  },
}).extend({
  guards: {
    hasAttached: not('isSecondUnused'),
    namesAnotherTooLate: and([not('isSecondUnused'), 'namesAnother']),
    isNobodyThereYet: and(['isSecondUnused', 'isNobodyThere']),
    isUnsentYet: and(['isSecondUnused', 'isUnsent']),
    isNoRouteOpen: and(['isFirstClosed', 'isSecondEnded']),
  },
});

const failedByProtocol = {
  target: '#connectRound.failed',
  actions: { type: 'tellEnd', params: { type: 'failed', code: 'protocolError' } },
} as const;

const againAsBrokerIsMissing = {
  target: '#connectRound.again',
  actions: { type: 'tellEnd', params: { type: 'again', pause: 'own', isBrokerMissing: true } },
} as const;

const againInAWhile = {
  target: '#connectRound.again',
  actions: { type: 'tellEnd', params: { type: 'again', pause: 'own', isBrokerMissing: false } },
} as const;

/**
 * One round of a client: a `hello` on a first connection and, if needed, an `attach` on a second one. Each route has a
 * region; at most one becomes the application's. A late event has no transition, so it changes nothing.
 */
export const connectRound = chartSetup.createMachine({
  id: 'connectRound',
  description: 'One round of a client: two routes, of which at most one becomes the application\u2019s.',
  initial: 'trying',
  states: {
    trying: {
      description: 'Neither route has reached the backend yet.',
      type: 'parallel',
      always: {
        guard: 'isNoRouteOpen',
        description: 'Both routes are closed, and nothing has run: start another round.',
        ...againInAWhile,
      },
      on: {
        'round.cancelled': {
          description: 'The caller gave up: both routes are closed.',
          target: 'cancelled',
          actions: { type: 'tellEnd', params: { type: 'cancelled' } },
        },
        'route.torn': {
          description: 'Part of the request may have arrived and run: it must not be repeated.',
          target: 'failed',
          actions: { type: 'tellEnd', params: { type: 'failed', code: 'connectionLost' } },
        },
        'route.garbled': {
          description: 'The other side doesn\u2019t speak this protocol.',
          ...failedByProtocol,
        },
      },
      states: {
        first: {
          description: 'The connection to the broker, which may be handed to the backend.',
          initial: 'unstarted',
          states: {
            unstarted: {
              description: 'Nothing has happened yet.',
              on: {
                'round.started': [
                  {
                    guard: 'clientKnows',
                    description: 'The hello names the backend: the deadline runs from now on.',
                    target: 'open.expecting.knowing',
                    actions: 'ask',
                  },
                  {
                    description: 'The broker has to say where the backend is.',
                    target: 'open.asking',
                    actions: 'ask',
                  },
                ],
              },
            },
            open: {
              description: 'The hello is sent.',
              initial: 'asking',
              on: {
                'first.ready': {
                  description: 'The backend has this connection.',
                  target: '#connectRound.connected',
                  actions: { type: 'tellEnd', params: { type: 'connected', route: 'handedOff' } },
                },
                'first.reconnect': {
                  description: 'The backend does not have this connection, and never will.',
                  target: 'closed.told',
                  actions: ['follow', 'closeFirst', 'useSecond'],
                },
                'first.error': [
                  {
                    guard: 'hasAttached',
                    description: 'The backend may have let the second route in: only this one is closed.',
                    target: 'closed.untold',
                    actions: 'closeFirst',
                  },
                  {
                    guard: 'isStale',
                    description:
                      'The backend is another process now: nothing is wrong but what the client knew.',
                    target: '#connectRound.again',
                    actions: [
                      'forget',
                      {
                        type: 'tellEnd',
                        params: { type: 'again', pause: 'none', isBrokerMissing: false },
                      },
                    ],
                  },
                  {
                    guard: 'isRetryable',
                    description: 'The broker can\u2019t now.',
                    target: '#connectRound.again',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'again', pause: 'asTold', isBrokerMissing: false },
                    },
                  },
                  {
                    guard: 'isUnknownService',
                    description: 'The broker has no such service.',
                    target: '#connectRound.failed',
                    actions: { type: 'tellEnd', params: { type: 'failed', code: 'unknownService' } },
                  },
                  {
                    guard: 'isNoMatchingVersion',
                    description: 'The broker has the service in other versions.',
                    target: '#connectRound.failed',
                    actions: { type: 'tellEnd', params: { type: 'failed', code: 'noMatchingVersion' } },
                  },
                  {
                    description: 'The broker refuses this client.',
                    target: '#connectRound.failed',
                    actions: { type: 'tellEnd', params: { type: 'failed', code: 'refused' } },
                  },
                ],
              },
              states: {
                asking: {
                  description: 'The broker has not answered, and the backend is unknown.',
                  on: {
                    'first.announced': {
                      description: 'This connection is about to be passed on: the deadline runs from now on.',
                      target: 'expecting.announced',
                      actions: 'follow',
                    },
                    'first.lost': [
                      {
                        guard: 'isNobodyThere',
                        description: 'No broker can be reached at its path.',
                        ...againAsBrokerIsMissing,
                      },
                      {
                        description: 'Without an announcement nobody can have the connection.',
                        ...againInAWhile,
                      },
                    ],
                  },
                },
                expecting: {
                  description: 'The backend is known, and has a deadline.',
                  initial: 'knowing',
                  after: {
                    deadline: {
                      description: 'No answer in time: try the other route as well.',
                      actions: 'useSecond',
                    },
                  },
                  on: {
                    'first.announced': [
                      {
                        guard: 'namesAnotherTooLate',
                        description: 'It names another backend than the second route\u2019s.',
                        ...failedByProtocol,
                      },
                      {
                        guard: 'namesAnother',
                        description:
                          'The broker ignored the backend named in the hello: use the one it names.',
                        target: '.announced',
                        reenter: true,
                        actions: ['forget', 'follow'],
                      },
                      {
                        guard: 'hasAttached',
                        description: 'The second route is in use: there is no deadline left to wait for.',
                        target: '.announced',
                      },
                      {
                        description: 'The announced deadline takes the place of the client\u2019s own.',
                        target: '.announced',
                        reenter: true,
                        actions: 'follow',
                      },
                    ],
                    'first.reconnect': [
                      {
                        guard: 'namesAnotherTooLate',
                        description: 'It names another backend than the second route\u2019s.',
                        ...failedByProtocol,
                      },
                      {
                        guard: 'namesAnother',
                        description:
                          'The broker ignored the backend named in the hello: use the one it names.',
                        target: '#connectRound.trying.first.closed.told',
                        actions: ['forget', 'follow', 'closeFirst', 'useSecond'],
                      },
                    ],
                    'first.lost': {
                      description:
                        'The handle may have been on its way, so only that process can let this round in.',
                      target: '#connectRound.trying.first.closed.untold',
                      actions: 'useSecond',
                    },
                  },
                  states: {
                    knowing: {
                      description: 'The hello named the backend; the broker has not answered.',
                      on: {
                        'first.lost': [
                          {
                            guard: 'isNobodyThereYet',
                            description: 'No broker can be reached at its path, so no handle is on its way.',
                            ...againAsBrokerIsMissing,
                          },
                          {
                            guard: 'isUnsentYet',
                            description: 'The hello has not arrived, so no handle is on its way.',
                            ...againInAWhile,
                          },
                        ],
                      },
                    },
                    announced: {
                      description: 'The broker said that this connection is about to be passed on.',
                      on: {
                        'first.announced': {
                          description: 'It was announced before.',
                          ...failedByProtocol,
                        },
                        'first.ready': {
                          description: 'The backend has this connection, as announced.',
                          target: '#connectRound.connected',
                          actions: [
                            'remember',
                            { type: 'tellEnd', params: { type: 'connected', route: 'handedOff' } },
                          ],
                        },
                      },
                    },
                  },
                },
              },
            },
            closed: {
              description: 'This route is closed.',
              initial: 'untold',
              states: {
                told: { description: 'The broker gave the reason.' },
                untold: { description: 'The reason is unknown.' },
              },
            },
          },
        },
        second: {
          description: 'The connection to the backend\u2019s endpoint. It is tried once.',
          initial: 'unused',
          states: {
            unused: {
              description: 'Not needed yet.',
              on: {
                attach: {
                  description: 'It was not handed over: no hello names this backend until the broker does.',
                  target: 'attaching',
                  actions: ['forget', 'attach'],
                },
              },
            },
            attaching: {
              description: 'The attach is sent.',
              on: {
                'second.ready': [
                  {
                    guard: 'isTold',
                    description: 'The backend has this connection, for the reason that the broker gave.',
                    target: '#connectRound.connected',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'connected', route: 'reconnected', reason: 'told' },
                    },
                  },
                  {
                    description: 'The backend has this connection; the handoff was too late.',
                    target: '#connectRound.connected',
                    actions: {
                      type: 'tellEnd',
                      params: { type: 'connected', route: 'reconnected', reason: 'backendAckTimeout' },
                    },
                  },
                ],
                'second.claimed': {
                  description: 'The backend already has the first connection: use that.',
                  target: 'ended',
                  actions: 'closeSecond',
                },
                'second.error': {
                  description: 'The backend refuses this route.',
                  target: 'ended',
                  actions: ['forget', 'closeSecond'],
                },
                'second.lost': {
                  description: 'The backend is gone or full.',
                  target: 'ended',
                  actions: 'forget',
                },
              },
            },
            ended: { description: 'This route is closed.' },
          },
        },
      },
    },
    connected: {
      description: 'One route is the application\u2019s, the other one is closed.',
      type: 'final',
    },
    again: { description: 'Nothing has run: the client starts another round with a new id.', type: 'final' },
    failed: { description: 'Another round would fail too.', type: 'final' },
    cancelled: { description: 'The caller gave up.', type: 'final' },
  },
});

export type ConnectRoundSnapshot = SnapshotFrom<typeof connectRound>;
