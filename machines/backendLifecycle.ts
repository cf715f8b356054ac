import { emit, not, raise, type SnapshotFrom, setup, stateIn } from 'xstate';

/** Milliseconds of a process's life, each over 0. */
export interface BackendLifecycleInput {
  /** From now to the start, unless it is asked for earlier. */
  readonly restartDelayMs: number;
  /** From the start to listening. */
  readonly startTimeoutMs: number;
  /** How long a process must have been ready for its end not to count as a failed start. */
  readonly stableAfterMs: number;
  /** From being asked to stop to SIGTERM, and from SIGTERM to SIGKILL. */
  readonly stopTimeoutMs: number;
  /** How long what a process said before its end may take to be read. */
  readonly channelDrainMs: number;
}

/** The events that the outside may send. */
export type BackendLifecycleEvent =
  /** Start it now. */
  | { readonly type: 'start.asked' }
  /** It runs already: who answers at its endpoint is the process that an earlier broker started. */
  | { readonly type: 'process.found' }
  /** End it; its successor starts when it is gone. */
  | { readonly type: 'replacement.asked' }
  /**
   * Let it bring to an end what it has, for as long as that takes; it has no successor. `clientGraceMs`: how long clients that
   * were sent to it may still come.
   */
  | { readonly type: 'retirement.asked'; readonly clientGraceMs: number }
  /** End it within bounds; it has no successor. */
  | { readonly type: 'stop.asked' }
  /** End it at once, whatever it does: there is no time for anything. It has no successor. */
  | { readonly type: 'kill.asked' }
  /** Let it run on without this broker; it has no successor here. */
  | { readonly type: 'leave.asked' }
  /** The program could not be started. */
  | { readonly type: 'spawn.failed' }
  /** Its endpoint takes connections. */
  | { readonly type: 'process.listening' }
  /** It has ended. `isChannelOpen`: what it said last may still be unread. */
  | { readonly type: 'process.exited'; readonly isChannelOpen: boolean }
  /** Nothing can be passed to it any more, and of one that has ended all is read; of an adopted one: nobody can connect to it. */
  | { readonly type: 'channel.closed' };

/** When the next process of the backend starts, counted from the moment at which this one makes room for it. */
export type BackendSuccession = 'afterBackoff' | 'atOnce' | 'never';

/** What the chart tells its owner to do. */
export type BackendLifecycleEmitted =
  /** Start the program. */
  | { readonly type: 'spawn' }
  /** Clients may be sent to it. Told at most once. */
  | { readonly type: 'ready' }
  /** It made room without ever having been ready. Told instead of `ready`. */
  | { readonly type: 'neverReady' }
  /** It has been ready for so long that its end is not a failed start. */
  | { readonly type: 'stable' }
  /** Ask it to stop, once every transfer to it has ended: a message must not overtake a handle. */
  | { readonly type: 'askToStop' }
  /** SIGTERM. */
  | { readonly type: 'terminate' }
  /** SIGKILL. */
  | { readonly type: 'kill' }
  /** It takes no client any more, so a successor may start. Told once. */
  | { readonly type: 'vacated'; readonly successor: BackendSuccession }
  /** Nothing is left of it. Told once, never before `vacated`. */
  | { readonly type: 'gone' }
  /** It runs on; this broker has nothing more to do with it. Told instead of `gone`. */
  | { readonly type: 'left' };

/** What is shown of a process. A state may have two of them: then the one that comes first here counts. */
export const BACKEND_PROCESS_STATES = ['stopped', 'restarting', 'starting', 'ready', 'stopping'] as const;

/**
 * What a backend's process does. `starting`: not listening yet. `ready`: takes connections. `restarting`: gone, or about to
 * be, to be started anew. `stopping`, `stopped`: for good.
 */
export type BackendProcessState = (typeof BACKEND_PROCESS_STATES)[number];

type InternalEvent = { readonly type: 'place.vacated' };

const lifecycleSetup = setup({
  types: {
    context: {} as BackendLifecycleInput,
    events: {} as BackendLifecycleEvent | InternalEvent,
    emitted: {} as BackendLifecycleEmitted,
    input: {} as BackendLifecycleInput,
    tags: {} as BackendProcessState,
  },
  delays: {
    restartDelay: ({ context }) => context.restartDelayMs,
    startTimeout: ({ context }) => context.startTimeoutMs,
    stableAfter: ({ context }) => context.stableAfterMs,
    clientGrace: ({ event }) => (event.type === 'retirement.asked' ? event.clientGraceMs : 0),
    leaveTimeout: ({ context }) => context.stopTimeoutMs,
    stopTimeout: ({ context }) => context.stopTimeoutMs,
    killTimeout: ({ context }) => context.stopTimeoutMs,
    channelDrain: ({ context }) => context.channelDrainMs,
  },
  guards: {
    isChannelOpen: ({ event }) => event.type === 'process.exited' && event.isChannelOpen,
    isPlanned: stateIn({ process: 'planned' }),
    isStarting: stateIn({ process: { alive: 'starting' } }),
  },
  actions: {
    tell: emit((_, told: BackendLifecycleEmitted) => told),
    vacate: raise({ type: 'place.vacated' }),
  },
}).extend({
  guards: {
    isUnderway: not('isPlanned'),
  },
});

const noSuccessor = (description: string) => ({ description, target: 'never' }) as const;

/**
 * One process of a backend, from before its start until nothing is left of it. Region `process` says what it does, region
 * `successor` what follows it, region `readiness` whether clients were ever sent to it. That a process makes room for the
 * next is told once, so there is no way to start two in its place.
 */
export const backendLifecycle = lifecycleSetup.createMachine({
  id: 'backendLifecycle',
  description: 'One process of a backend, from before its start to its end.',
  type: 'parallel',
  context: ({ input }) => ({ ...input }),
  states: {
    successor: {
      description: 'What follows the process.',
      initial: 'afterBackoff',
      states: {
        afterBackoff: {
          description: 'It is started anew, the later the more often it failed.',
          on: {
            'replacement.asked': {
              guard: 'isUnderway',
              description: 'Somebody waits for the next one.',
              target: 'atOnce',
            },
            'retirement.asked': noSuccessor('It is not needed any more.'),
            'stop.asked': noSuccessor('The backend ends.'),
            'kill.asked': noSuccessor('The backend ends at once.'),
            'leave.asked': noSuccessor('Another broker goes on with it.'),
            'place.vacated': {
              description: 'The next one starts after a pause.',
              target: 'told',
              actions: { type: 'tell', params: { type: 'vacated', successor: 'afterBackoff' } },
            },
          },
        },
        atOnce: {
          description: 'The next one starts without a pause.',
          tags: 'restarting',
          on: {
            'retirement.asked': noSuccessor('It is not needed any more, nor is the next one.'),
            'stop.asked': noSuccessor('The backend ends before the next one has started.'),
            'kill.asked': noSuccessor('The backend ends at once.'),
            'leave.asked': noSuccessor('Another broker starts the next one.'),
            'place.vacated': {
              description: 'The next one starts now.',
              target: 'told',
              actions: { type: 'tell', params: { type: 'vacated', successor: 'atOnce' } },
            },
          },
        },
        never: {
          description: 'Nothing follows it.',
          on: {
            'place.vacated': {
              description: 'Its place stays empty.',
              target: 'told',
              actions: { type: 'tell', params: { type: 'vacated', successor: 'never' } },
            },
          },
        },
        told: {
          description: 'It has made room: what follows is not its concern any more.',
          type: 'final',
        },
      },
    },
    readiness: {
      description: 'Whether clients were ever sent to it.',
      initial: 'pending',
      states: {
        pending: {
          description: 'Not yet.',
          on: {
            'process.listening': {
              guard: 'isStarting',
              description: 'It was started and takes connections.',
              target: 'reached',
              actions: { type: 'tell', params: { type: 'ready' } },
            },
            'process.found': {
              guard: 'isPlanned',
              description: 'It was found running.',
              target: 'reached',
              actions: { type: 'tell', params: { type: 'ready' } },
            },
            'place.vacated': {
              description: 'It ended, or has to end, before it took a connection.',
              target: 'missed',
              actions: { type: 'tell', params: { type: 'neverReady' } },
            },
          },
        },
        reached: { description: 'They were.', type: 'final' },
        missed: { description: 'They never were.', type: 'final' },
      },
    },
    process: {
      description: 'What the process does.',
      initial: 'planned',
      states: {
        planned: {
          description: 'There is no process yet.',
          tags: 'restarting',
          after: {
            restartDelay: { description: 'The pause is over.', target: 'alive' },
          },
          on: {
            'start.asked': { description: 'There is nothing to wait for.', target: 'alive' },
            'replacement.asked': {
              description: 'What replaces nothing is started at once.',
              target: 'alive',
            },
            'process.found': { description: 'An earlier broker started it.', target: 'alive.adopted' },
            'retirement.asked': { description: 'It is not needed any more.', target: 'ended' },
            'stop.asked': { description: 'It will not be started.', target: 'ended' },
            'kill.asked': { description: 'It will not be started.', target: 'ended' },
            'leave.asked': { description: 'There is nothing to leave.', target: 'ended' },
          },
        },
        alive: {
          description: 'There is a process.',
          initial: 'starting',
          on: {
            'process.exited': [
              {
                guard: 'isChannelOpen',
                description: 'Its last words, acknowledgements among them, may still be unread.',
                target: 'exited',
              },
              { description: 'It has ended, and all that it said is read.', target: 'ended' },
            ],
            'kill.asked': { description: 'There is no time for anything.', target: '.ending.killed' },
          },
          states: {
            starting: {
              description: 'The program was started and does not take connections yet.',
              tags: 'starting',
              entry: { type: 'tell', params: { type: 'spawn' } },
              after: {
                startTimeout: { description: 'It did not listen in time.', target: 'ending.killed' },
              },
              on: {
                'spawn.failed': {
                  description: 'There is no process.',
                  target: '#backendLifecycle.process.ended',
                },
                'process.listening': { description: 'It takes connections.', target: 'ready' },
                'channel.closed': {
                  description: 'It can never be handed a connection, nor say that it listens.',
                  target: 'ending',
                },
                'replacement.asked': { description: 'It makes room for another one.', target: 'ending' },
                'retirement.asked': { description: 'It has nothing to bring to an end.', target: 'ending' },
                'stop.asked': { description: 'The backend ends.', target: 'ending' },
                'leave.asked': { description: 'Nobody could go on with it.', target: 'ending' },
              },
            },
            ready: {
              description: 'It takes connections, and can be handed them.',
              tags: 'ready',
              initial: 'young',
              on: {
                'channel.closed': {
                  description: 'It has left by itself: it may bring to an end what it has.',
                  target: 'leaving',
                  actions: 'vacate',
                },
                'replacement.asked': { description: 'It makes room for another one.', target: 'ending' },
                'retirement.asked': { description: 'It is not needed any more.', target: 'retiring' },
                'stop.asked': { description: 'The backend ends.', target: 'ending' },
                'leave.asked': {
                  description: 'It goes on without this broker.',
                  target: '#backendLifecycle.process.left',
                },
              },
              states: {
                young: {
                  description: 'An early end would be a failed start.',
                  after: {
                    stableAfter: {
                      description: 'It has proved itself: whatever ends it now, it was not the start.',
                      target: 'stable',
                      actions: { type: 'tell', params: { type: 'stable' } },
                    },
                  },
                },
                stable: { description: 'It has run for a while.' },
              },
            },
            adopted: {
              description: 'It takes connections, but cannot be handed them: there is no channel to it.',
              tags: 'ready',
              on: {
                'channel.closed': {
                  description: 'It takes no connections any more: it may bring to an end what it has.',
                  target: 'leaving',
                  actions: 'vacate',
                },
                'replacement.asked': {
                  description: 'It makes room for another one, and cannot be asked to.',
                  target: 'ending.terminated',
                },
                'retirement.asked': {
                  description: 'It is not needed any more, and cannot be told so.',
                  target: 'retiring.untold',
                },
                'stop.asked': {
                  description: 'The backend ends, and it cannot be asked to.',
                  target: 'ending.terminated',
                },
                'leave.asked': {
                  description: 'It goes on without this broker.',
                  target: '#backendLifecycle.process.left',
                },
              },
            },
            leaving: {
              description: 'Cut off from this broker by itself, and still running.',
              after: {
                leaveTimeout: { description: 'It takes too long.', target: 'ending.terminated' },
              },
              on: {
                'leave.asked': {
                  description: 'It goes on without this broker.',
                  target: '#backendLifecycle.process.left',
                },
              },
            },
            retiring: {
              description: 'It takes no new connections; those that are open come to their end.',
              tags: 'stopping',
              initial: 'lingering',
              on: {
                'leave.asked': { description: 'Nobody would go on with it.', target: 'ending' },
              },
              states: {
                lingering: {
                  description: 'Clients that were sent to it may still come.',
                  after: {
                    clientGrace: { description: 'Whoever was sent to it has come.', target: 'told' },
                  },
                  on: {
                    'stop.asked': {
                      description: 'There is no time left.',
                      target: '#backendLifecycle.process.alive.ending',
                    },
                  },
                },
                told: {
                  description: 'It was asked to stop, and may take as long as its connections do.',
                  entry: { type: 'tell', params: { type: 'askToStop' } },
                  on: {
                    'stop.asked': {
                      description: 'There is no time left.',
                      target: '#backendLifecycle.process.alive.ending',
                    },
                  },
                },
                untold: {
                  description: 'Without a channel nobody can ask it: it ends by itself.',
                  on: {
                    'stop.asked': {
                      description: 'There is no time left, and it cannot be asked.',
                      target: '#backendLifecycle.process.alive.ending.terminated',
                    },
                  },
                },
              },
            },
            ending: {
              description: 'It has to go, within bounds.',
              tags: 'stopping',
              initial: 'asked',
              states: {
                asked: {
                  description: 'It was asked to stop.',
                  entry: { type: 'tell', params: { type: 'askToStop' } },
                  after: {
                    stopTimeout: {
                      description: 'It did not stop when it was asked to.',
                      target: 'terminated',
                    },
                  },
                },
                terminated: {
                  description: 'It got SIGTERM.',
                  entry: { type: 'tell', params: { type: 'terminate' } },
                  after: {
                    killTimeout: { description: 'It did not heed SIGTERM.', target: 'killed' },
                  },
                },
                killed: {
                  description: 'It got SIGKILL.',
                  entry: { type: 'tell', params: { type: 'kill' } },
                },
              },
            },
          },
        },
        exited: {
          description: 'It has ended; what it said last is still to be read.',
          after: {
            channelDrain: { description: 'Nothing more is waited for.', target: 'ended' },
          },
          on: {
            'channel.closed': { description: 'All is read.', target: 'ended' },
          },
        },
        ended: {
          description: 'It makes room, if it has not yet.',
          entry: 'vacate',
          on: {
            'place.vacated': {
              description: 'Nothing is left of it.',
              target: 'gone',
              actions: { type: 'tell', params: { type: 'gone' } },
            },
          },
        },
        left: {
          description: 'It runs on, and is no concern of this broker any more.',
          tags: 'stopped',
          type: 'final',
          entry: ['vacate', { type: 'tell', params: { type: 'left' } }],
        },
        gone: { description: 'Nothing is left of it.', tags: 'stopped', type: 'final' },
      },
    },
  },
});

export type BackendLifecycleSnapshot = SnapshotFrom<typeof backendLifecycle>;
