import { connectRound, ROUND_ERROR_ANSWERS, ROUND_LOSSES } from '../../machines';
import { ChartGraph, type WorldState } from './chartGraph';
import { DEADLINE_EVENT, type RoundHappening } from './RoundModel';

/** What of the world decides what can come next. */
export interface RoundWorld {
  readonly clientKnows: boolean;
  readonly isDeadlineOver: boolean;
  /** The round has just been started: nothing but its connecting can have gone wrong. */
  readonly isNew: boolean;
}

const INITIAL: RoundWorld = { clientKnows: false, isDeadlineOver: false, isNew: false };

const deadlineMs = 1000;

const STARTS: readonly RoundHappening[] = [
  { type: 'round.started', clientKnows: false },
  { type: 'round.started', clientKnows: true, deadlineMs },
];
const SAME: readonly RoundHappening[] = [
  { type: 'first.announced', namesAnother: false, deadlineMs },
  { type: 'first.reconnect', namesAnother: false },
];
const ANOTHER: readonly RoundHappening[] = [
  { type: 'first.announced', namesAnother: true, deadlineMs },
  { type: 'first.reconnect', namesAnother: true },
];
const ERRORS: readonly RoundHappening[] = ROUND_ERROR_ANSWERS.map((answer) => ({
  type: 'first.error',
  answer,
}));
const LOSSES: readonly RoundHappening[] = ROUND_LOSSES.map((loss) => ({ type: 'first.lost', loss }));
const SECOND: readonly RoundHappening[] = [
  { type: 'second.ready' },
  { type: 'second.claimed' },
  { type: 'second.error' },
  { type: 'second.lost' },
];
const faultsOf = (on: 'first' | 'second'): readonly RoundHappening[] => [
  { type: 'route.torn', on },
  { type: 'route.garbled', on },
];
const CANCELLED: RoundHappening = { type: 'round.cancelled' };
const DEADLINE: RoundHappening = { type: DEADLINE_EVENT };

export const ALL_HAPPENINGS: readonly RoundHappening[] = [
  ...STARTS,
  ...SAME,
  ...ANOTHER,
  { type: 'first.ready' },
  ...ERRORS,
  ...LOSSES,
  ...SECOND,
  ...faultsOf('first'),
  CANCELLED,
  DEADLINE,
];

/** Any event at any time: an event that doesn't apply must change nothing. */
export const anyRoundGraph = new ChartGraph<null>({
  machine: connectRound,
  input: undefined,
  world: null,
  next: () => null,
  eventsIn: () => ALL_HAPPENINGS,
});

const isIn = ({ chart }: WorldState<RoundWorld>, state: object): boolean => chart.matches(state as never);

/** Only what can happen to a real round. */
function eventsIn(state: WorldState<RoundWorld>): readonly RoundHappening[] {
  const { clientKnows, isDeadlineOver } = state.world;
  if (isIn(state, { trying: { first: 'unstarted' } })) return STARTS;
  if (typeof state.chart.value === 'string') return [];
  const isFirstOpen = isIn(state, { trying: { first: 'open' } });
  const isSecondOpen = isIn(state, { trying: { second: 'attaching' } });
  const isSecondUnused = isIn(state, { trying: { second: 'unused' } });
  const hasTarget = isIn(state, { trying: { first: { open: 'expecting' } } });
  return [
    ...(isFirstOpen ? [...SAME, { type: 'first.ready' } as const, ...LOSSES, ...faultsOf('first')] : []),
    ...(isFirstOpen && hasTarget ? ANOTHER : []),
    ...(isFirstOpen
      ? ERRORS.filter((one) => clientKnows || JSON.stringify(one).includes('stale') === false)
      : []),
    ...(hasTarget && isSecondUnused && !isDeadlineOver ? [DEADLINE] : []),
    ...(isSecondOpen ? [...SECOND, ...faultsOf('second')] : []),
    CANCELLED,
  ];
}

function next(world: RoundWorld, event: { readonly type: string }): RoundWorld {
  return {
    clientKnows: world.clientKnows || ('clientKnows' in event && event.clientKnows === true),
    isDeadlineOver: world.isDeadlineOver || event.type === DEADLINE_EVENT,
    isNew: event.type === 'round.started',
  };
}

export const realRoundGraph = new ChartGraph<RoundWorld>({
  machine: connectRound,
  input: undefined,
  world: INITIAL,
  next,
  eventsIn,
});

/**
 * Only what peers can be made to do to a client with real sockets. Left out: a write that fails on its way, which nobody
 * can time. That nobody listens shows at once.
 */
export const socketRoundGraph = new ChartGraph<RoundWorld>({
  machine: connectRound,
  input: undefined,
  world: INITIAL,
  next,
  eventsIn: (state) =>
    eventsIn(state).filter((event) => {
      if (event.type === 'route.torn') return false;
      if (event.type !== 'first.lost') return true;
      return event.loss === 'ended' || (event.loss === 'nobodyThere' && state.world.isNew);
    }),
});
