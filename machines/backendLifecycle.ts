import { emit, not, raise, type SnapshotFrom, setup, stateIn } from 'xstate';

/** The delays of a process's life, in milliseconds, each over 0. */
export interface BackendLifecycleInput {
  /** Until the start, unless a client asks earlier. */
  readonly restartDelayMs: number;
  /** From the start to listening. */
  readonly startTimeoutMs: number;
  /** How long a process must be ready before its exit no longer counts as a failed start. */
  readonly stableAfterMs: number;
  /** From the request to stop to SIGTERM, and from SIGTERM to SIGKILL. */
  readonly stopTimeoutMs: number;
  /** How long to wait after the exit for the rest of the process's messages. */
  readonly channelDrainMs: number;
}

/** External events. */
export type BackendLifecycleEvent =
  /** Start it now. */
  | { readonly type: 'start.asked' }
  /** It already runs: an earlier broker started the process that answers at its endpoint. */
  | { readonly type: 'process.found' }
  /** End it; its successor starts once it has made room. */
  | { readonly type: 'replacement.asked' }
  /**
   * Let it finish its connections, however long that takes; it has no successor. `clientGraceMs`: how long clients that were
   * already sent to it may still connect.
   */
  | { readonly type: 'retirement.asked'; readonly clientGraceMs: number }
  /** End it within the stop timeouts; it has no successor. */
  | { readonly type: 'stop.asked' }
  /** Kill it at once; it has no successor. */
  | { readonly type: 'kill.asked' }
  /** Leave it running without this broker; this broker starts no successor. */
  | { readonly type: 'leave.asked' }
  /** The program could not be started. */
  | { readonly type: 'spawn.failed' }
  /** Its endpoint accepts connections. */
  | { readonly type: 'process.listening' }
  /** Its endpoint refuses connections. */
  | { readonly type: 'endpoint.closed' }
  /** It has exited. `isChannelOpen`: its last messages may still be unread. */
  | { readonly type: 'process.exited'; readonly isChannelOpen: boolean }
  /** Connections can be handed to it. */
  | { readonly type: 'channel.opened' }
  /** Its channel is closed and read to the end. */
  | { readonly type: 'channel.closed' };

/** When the backend's next process starts, counted from this one's `vacated`. */
export type BackendSuccession = 'afterBackoff' | 'atOnce' | 'never';

/** What the chart tells its owner. */
export type BackendLifecycleEmitted =
  /** Start the program. */
  | { readonly type: 'spawn' }
  /** Clients may be sent to it. Emitted at most once. */
  | { readonly type: 'ready' }
  /** It ended without ever being ready. Emitted instead of `ready`. */
  | { readonly type: 'neverReady' }
  /** It has been ready long enough that its exit is not a failed start. */
  | { readonly type: 'stable' }
  /** An adopted process is as good as one that this broker started. */
  | { readonly type: 'rejoined' }
  /**
   * Ask it to stop once every transfer to it has ended: the message must not overtake a handle. `timeoutMs`: until SIGTERM;
   * left out, it may take for ever.
   */
  | { readonly type: 'askToStop'; readonly timeoutMs?: number }
  /** SIGTERM. */
  | { readonly type: 'terminate' }
  /** SIGKILL. */
  | { readonly type: 'kill' }
  /** It takes no more clients, so a successor may start. Emitted once. */
  | { readonly type: 'vacated'; readonly successor: BackendSuccession }
  /** The process and its channel are gone. Emitted once, never before `vacated`. */
  | { readonly type: 'gone' }
  /** It keeps running without this broker. Emitted instead of `gone`. */
  | { readonly type: 'left' };

/** A process's status, in order of precedence: if a state has two tags, the first in this list counts. */
export const BACKEND_PROCESS_STATES = ['stopped', 'restarting', 'starting', 'ready', 'stopping'] as const;

/**
 * The status of a backend's process. `starting`: not listening yet. `ready`: accepts connections. `restarting`: ended or ending,
 * and a successor will start. `stopping`, `stopped`: no successor.
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
 * One process of a backend, from before its start until it and its channel are gone. Region `process` is what it does, region
 * `successor` what follows it, region `readiness` whether clients were ever sent to it. `vacated` is emitted once, so two
 * successors can't start.
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
          description: 'It is restarted; the pause grows with each failed start.',
          on: {
            'replacement.asked': {
              guard: 'isUnderway',
              description: 'A client waits for the next one.',
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
          description: 'It has made room; its successor has its own chart.',
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
        reached: { description: 'Clients were sent to it.', type: 'final' },
        missed: { description: 'No client was ever sent to it.', type: 'final' },
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
              description: 'There is no process to replace: start at once.',
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
                description: 'Its last messages, such as acknowledgements, may still be unread.',
                target: 'exited',
              },
              { description: 'It has exited, and all its messages are read.', target: 'ended' },
            ],
            'kill.asked': { description: 'It has to end at once.', target: '.ending.killed' },
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
                'replacement.asked': { description: 'It makes room for another one.', target: 'ending' },
                'retirement.asked': { description: 'It has no connections to finish.', target: 'ending' },
                'stop.asked': { description: 'The backend ends.', target: 'ending' },
                'leave.asked': { description: 'No other broker could use it.', target: 'ending' },
              },
            },
            ready: {
              description: 'It accepts connections, and handoff to it is possible.',
              tags: 'ready',
              initial: 'young',
              on: {
                'endpoint.closed': {
                  description: 'It accepts no more connections: it may finish those it has.',
                  target: 'leaving',
                  actions: 'vacate',
                },
                'replacement.asked': { description: 'It makes room for another one.', target: 'ending' },
                'retirement.asked': { description: 'It is not needed any more.', target: 'retiring' },
                'stop.asked': { description: 'The backend ends.', target: 'ending' },
                'leave.asked': {
                  description: 'It keeps running without this broker.',
                  target: '#backendLifecycle.process.left',
                },
              },
              states: {
                young: {
                  description: 'An early end would be a failed start.',
                  after: {
                    stableAfter: {
                      description: 'It has run long enough: its exit is no failed start any more.',
                      target: 'stable',
                      actions: { type: 'tell', params: { type: 'stable' } },
                    },
                  },
                },
                stable: { description: 'Its exit is no failed start any more.' },
              },
            },
            adopted: {
              description:
                'It accepts connections, but handoff is impossible: there is no channel to it yet.',
              tags: 'ready',
              on: {
                'channel.opened': {
                  description: 'This broker has opened a channel to it: handoff is possible.',
                  target: 'ready.stable',
                  actions: { type: 'tell', params: { type: 'rejoined' } },
                },
                'endpoint.closed': {
                  description: 'It accepts no more connections: it may finish those it has.',
                  target: 'leaving',
                  actions: 'vacate',
                },
                'replacement.asked': {
                  description: 'It makes room for another one; without a channel it gets SIGTERM.',
                  target: 'ending.terminated',
                },
                'retirement.asked': {
                  description: 'It is not needed any more, but without a channel it cannot be told.',
                  target: 'retiring.untold',
                },
                'stop.asked': {
                  description: 'The backend ends; without a channel it gets SIGTERM.',
                  target: 'ending.terminated',
                },
                'leave.asked': {
                  description: 'It keeps running without this broker.',
                  target: '#backendLifecycle.process.left',
                },
              },
            },
            leaving: {
              description: 'It accepts no more connections and still runs.',
              after: {
                leaveTimeout: { description: 'It did not end in time.', target: 'ending.terminated' },
              },
              on: {
                'leave.asked': {
                  description: 'It keeps running without this broker.',
                  target: '#backendLifecycle.process.left',
                },
              },
            },
            retiring: {
              description: 'It accepts no new connections and finishes the open ones.',
              tags: 'stopping',
              initial: 'lingering',
              on: {
                'leave.asked': { description: 'No other broker would use it.', target: 'ending' },
              },
              states: {
                lingering: {
                  description: 'Clients that were already sent to it may still connect.',
                  after: {
                    clientGrace: {
                      description: 'Clients that were sent to it have had time to connect.',
                      target: 'told',
                    },
                  },
                  on: {
                    'stop.asked': {
                      description: 'There is no time left.',
                      target: '#backendLifecycle.process.alive.ending',
                    },
                  },
                },
                told: {
                  description: 'It was asked to stop, and waits for its connections to end.',
                  entry: { type: 'tell', params: { type: 'askToStop' } },
                  on: {
                    'stop.asked': {
                      description: 'There is no time left.',
                      target: '#backendLifecycle.process.alive.ending',
                    },
                  },
                },
                untold: {
                  description: 'Without a channel it cannot be asked to stop: it ends by itself.',
                  on: {
                    'stop.asked': {
                      description: 'There is no time left; without a channel it gets SIGTERM.',
                      target: '#backendLifecycle.process.alive.ending.terminated',
                    },
                  },
                },
              },
            },
            ending: {
              description: 'It has to end within the stop timeouts.',
              tags: 'stopping',
              initial: 'asked',
              states: {
                asked: {
                  description: 'It was asked to stop.',
                  entry: {
                    type: 'tell',
                    params: ({ context }) => ({ type: 'askToStop', timeoutMs: context.stopTimeoutMs }),
                  },
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
                    killTimeout: { description: 'It did not end after SIGTERM.', target: 'killed' },
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
          description: 'It has exited; its last messages are not read yet.',
          after: {
            channelDrain: { description: 'The rest of its messages took too long.', target: 'ended' },
          },
          on: {
            'channel.closed': { description: 'All is read.', target: 'ended' },
          },
        },
        ended: {
          description: 'It has ended: it makes room, unless it already has.',
          entry: 'vacate',
          on: {
            'place.vacated': {
              description: 'The process and its channel are gone.',
              target: 'gone',
              actions: { type: 'tell', params: { type: 'gone' } },
            },
          },
        },
        left: {
          description: 'It keeps running without this broker.',
          tags: 'stopped',
          type: 'final',
          entry: ['vacate', { type: 'tell', params: { type: 'left' } }],
        },
        gone: { description: 'The process and its channel are gone.', tags: 'stopped', type: 'final' },
      },
    },
  },
});

export type BackendLifecycleSnapshot = SnapshotFrom<typeof backendLifecycle>;
