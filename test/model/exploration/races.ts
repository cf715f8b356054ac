import { transferOf } from './broker';
import { hasFirstEnded, isSecondOver, stateOf } from './client';
import { CLAIMED, processOf, type Round, type World } from './World';

type Sight = (round: Round, world: World) => boolean;

const status = (world: World, id: Round['target']): string | undefined => processOf(world, id)?.status;
const hasRunOn = (route: 1 | 2, { ranRoutes, won }: Round): boolean =>
  won === route && (ranRoutes & route) !== 0;
const beginsAgain = (round: Round): boolean => stateOf(round) === 'again';
const outcomeOf = (round: Round): string | undefined => transferOf(round)?.state;
const isTold =
  (says: string): Sight =>
  (round, { rounds, processes }) =>
    processes.some(({ answers }) => answers.some((one) => one.says === says && rounds[one.round] === round));

/**
 * The races of `docs/protocol.md`, by the first column of its table, each with what shows that it has happened and ended
 * as its second column says. That nothing else is wrong is for the invariants.
 */
export const RACES: readonly (readonly [race: string, sight: Sight])[] = [
  [
    '`ack` before the deadline',
    (round) =>
      outcomeOf(round) === 'acknowledged' &&
      hasRunOn(1, round) &&
      round.brokerHolds === 0 &&
      round.isDue === 0,
  ],
  [
    '`ready` written, `ack` after the deadline',
    (round) => outcomeOf(round) === 'failed' && hasRunOn(1, round) && round.isDue === 1,
  ],
  [
    'deadline, `attach` first, then the backend reads the handle',
    (round, world) => round.won === 2 && round.isDue === 1 && isTold('claimed')(round, world),
  ],
  [
    'deadline, the handle first, then `attach`',
    (round) => hasRunOn(1, round) && round.grants === 1 && round.target !== 0 && round.isDue === 1,
  ],
  [
    'the backend dies with the handle unread in its channel',
    (round, world) =>
      beginsAgain(round) &&
      round.grants === 0 &&
      status(world, round.transferTo) === 'dead' &&
      outcomeOf(round) === 'failed',
  ],
  [
    'the backend dies after the claim, before `ready`',
    (round, world) =>
      beginsAgain(round) &&
      round.grants === 1 &&
      round.readyRoutes === 0 &&
      status(world, round.target) === 'dead',
  ],
  [
    'the backend dies after `ready`',
    (round, world) => round.isLost === 1 && round.ranRoutes !== 0 && status(world, round.target) === 'dead',
  ],
  [
    'an `attach` meant for the dead process reaches the new one',
    (round, world) =>
      round.secondAt !== 0 && round.secondAt !== round.target && status(world, round.target) === 'dead',
  ],
  [
    'the backend is stopped (SIGSTOP) between claim and `ready`',
    (round) => round.claim === 1 && round.firstStage === CLAIMED && round.secondAt === round.claimedIn,
  ],
  [
    '`claimed`, and the first connection ends without `ready`',
    (round) => isSecondOver(round) && hasFirstEnded(round) && round.grants === 1 && round.readyRoutes === 0,
  ],
  [
    'the broker dies before it sent the handle',
    (round, { isBrokerUp }) => !isBrokerUp && beginsAgain(round) && round.hello === 2 && round.grants === 0,
  ],
  ['the broker dies after it sent the handle', (round, { isBrokerUp }) => !isBrokerUp && hasRunOn(1, round)],
  [
    'the backend refuses',
    (round) =>
      outcomeOf(round) === 'failed' && hasRunOn(2, round) && round.isDue === 0 && round.isExpired === 0,
  ],
  [
    '`knows`: the deadline, before the broker has read the hello',
    (round) => round.knows !== 0 && round.hello === 1 && (round.secondAt !== 0 || round.claim === 2),
  ],
  [
    '`knows`: the backend is replaced, the hello on its way',
    (round, world) => round.knows !== 0 && round.knows !== world.current && round.firstFrames === 's',
  ],
  [
    '`knows`: `staleBackend` (or any `error`), the `attach` let in',
    (round) => round.knows !== 0 && round.firstFrames === 's' && round.claim === 2,
  ],
  [
    '`knows`: the broker dies before it has read the hello',
    (round, { isBrokerUp }) =>
      round.knows !== 0 && !isBrokerUp && round.transferTo === 0 && hasRunOn(2, round),
  ],
  [
    '`knows`: the broker dies after it sent the handle',
    (round, { isBrokerUp }) => round.knows !== 0 && !isBrokerUp && hasRunOn(1, round),
  ],
  [
    '`knows`: nobody listens at the broker\u2019s path',
    (round, { isBrokerUp }) => round.knows !== 0 && !isBrokerUp && beginsAgain(round) && round.hello === 0,
  ],
  [
    'the client leaves at any moment',
    (round, world) => stateOf(round) === 'cancelled' && isTold('clientLeft')(round, world),
  ],
  [
    'a write of the client fails before `ready` was read',
    (round, { isBrokerUp }) => isBrokerUp && beginsAgain(round) && round.hello === 0,
  ],
];
