import { type SnapshotFrom, setup } from 'xstate';

/** The events that the outside may send. */
export type FdPressureEvent =
  /** How many descriptors the process has open, of how many it may have. */
  | { readonly type: 'fds.counted'; readonly open: number; readonly limit: number }
  /** The system had no descriptor left to give (EMFILE, ENFILE). */
  | { readonly type: 'fds.exhausted' }
  /** A check of the embedder's, which decides instead of the count, answered whether there is pressure. */
  | { readonly type: 'pressure.stated'; readonly isPressured: boolean };

export interface FdPressureInput {
  /** Share of the limit from which on there is pressure, over 0, up to 1. */
  readonly pressuredFromShare: number;
  /** Share of the limit below which there is none any more, over 0, up to `pressuredFromShare`. */
  readonly normalBelowShare: number;
  /**
   * Milliseconds, over 0, in which no count and no check ends the pressure after the system had no descriptor left: its own table may
   * be full, which this process's count doesn't show.
   */
  readonly exhaustedHoldMs: number;
}

/** What the broker gives the chart. */
export const FD_PRESSURE_INPUT: FdPressureInput = {
  pressuredFromShare: 0.8,
  normalBelowShare: 0.7,
  exhaustedHoldMs: 1000,
};

/**
 * Whether a process is so short of file descriptors that handoff is off. Two thresholds, so that it doesn't flicker
 * around one.
 */
export const fdPressure = setup({
  types: {
    context: {} as FdPressureInput,
    events: {} as FdPressureEvent,
    input: {} as FdPressureInput,
  },
  delays: {
    exhaustedHold: ({ context }) => context.exhaustedHoldMs,
  },
  guards: {
    isAtUpperThreshold: ({ context, event }) =>
      event.type === 'fds.counted' && event.open >= event.limit * context.pressuredFromShare,
    isBelowLowerThreshold: ({ context, event }) =>
      event.type === 'fds.counted' && event.open < event.limit * context.normalBelowShare,
    isStatedPressured: ({ event }) => event.type === 'pressure.stated' && event.isPressured,
    isStatedNormal: ({ event }) => event.type === 'pressure.stated' && !event.isPressured,
  },
}).createMachine({
  id: 'fdPressure',
  description: 'Whether the process is short of file descriptors.',
  context: ({ input }) => ({ ...input }),
  initial: 'normal',
  states: {
    normal: {
      description: 'There are descriptors enough: handoff is on.',
      on: {
        'fds.counted': {
          guard: 'isAtUpperThreshold',
          description: 'The count came up to the upper threshold, in front of the limit.',
          target: 'pressured',
        },
        'fds.exhausted': {
          description: 'The system had no descriptor left, whatever the count says.',
          target: 'pressured.exhausted',
        },
        'pressure.stated': {
          guard: 'isStatedPressured',
          description: 'The embedder\u2019s check says that there is pressure.',
          target: 'pressured',
        },
      },
    },
    pressured: {
      description: 'Short of descriptors: handoff is off.',
      initial: 'counted',
      on: {
        'fds.exhausted': {
          description: 'The system still has none left: the hold begins anew.',
          target: '.exhausted',
        },
      },
      states: {
        counted: {
          description: 'The count, or the embedder\u2019s check, decides when it is over.',
          on: {
            'fds.counted': {
              guard: 'isBelowLowerThreshold',
              description: 'The count fell below the lower threshold.',
              target: '#fdPressure.normal',
            },
            'pressure.stated': {
              guard: 'isStatedNormal',
              description: 'The embedder\u2019s check says that there is none any more.',
              target: '#fdPressure.normal',
            },
          },
        },
        exhausted: {
          description:
            'The system had no descriptor left a moment ago: neither a count nor a check is believed.',
          after: {
            exhaustedHold: {
              description: 'The hold is over: both are believed again.',
              target: 'counted',
            },
          },
        },
      },
    },
  },
});

export type FdPressureSnapshot = SnapshotFrom<typeof fdPressure>;
