import { ROUND_LOSSES, type RoundOutcome } from '../../../machines';
import { type RoundNode, RoundTable } from '../../../src/client/RoundTable';
import {
  ANNOUNCED,
  ANNOUNCED_ANOTHER,
  CANCELLED,
  DEADLINE_PASSED,
  FIRST_ERROR,
  FIRST_LOST,
  FIRST_READY,
  RECONNECT,
  RECONNECT_TO_ANOTHER,
  SECOND_CLAIMED,
  SECOND_ERROR,
  SECOND_LOST,
  SECOND_READY,
  STARTED,
  STARTED_KNOWING,
} from '../../../src/client/roundSymbols';
import type { Mistake } from './mistakes';
import {
  type Component,
  changed,
  fault,
  type ProcessId,
  processName,
  processOf,
  type Round,
  roundOf,
  type Scenario,
  UNTOUCHED,
  type World,
  type WorldStep,
  withRound,
} from './World';

const table = new RoundTable();
const nodes: RoundNode[] = [];
const numbers = new Map<RoundNode, number>();

function numberOf(node: RoundNode): number {
  let number = numbers.get(node);
  if (number === undefined) {
    number = nodes.push(node) - 1;
    numbers.set(node, number);
  }
  return number;
}

function nodeOf({ node }: Round): RoundNode {
  return nodes[node] ?? table.initial;
}

const ENDED = ROUND_LOSSES.indexOf('ended') as Round['loss'];
const UNSENT = ROUND_LOSSES.indexOf('unsent') as Round['loss'];
const NOBODY_THERE = ROUND_LOSSES.indexOf('nobodyThere') as Round['loss'];

const after = (node: RoundNode, symbol: number): RoundNode => table.edge(node, symbol).next;
const AGAIN = numberOf(after(after(table.initial, STARTED), FIRST_LOST.ended));

/** What of a state of the chart is looked at. */
interface Place {
  readonly state: 'trying' | RoundOutcome['type'];
  readonly isKnowing: boolean;
  readonly isAnnounced: boolean;
  readonly hasAttached: boolean;
  readonly isSecondOver: boolean;
}

const places: Place[] = [];

function placeOf(round: Round): Place {
  let place = places[round.node];
  if (place === undefined) {
    place = readPlace(nodeOf(round));
    places[round.node] = place;
  }
  return place;
}

function readPlace({ snapshot }: RoundNode): Place {
  const { value } = snapshot;
  return {
    state: typeof value === 'string' ? value : 'trying',
    isKnowing: snapshot.matches({ trying: { first: { open: { expecting: 'knowing' } } } }),
    isAnnounced: snapshot.matches({ trying: { first: { open: { expecting: 'announced' } } } }),
    hasAttached: !snapshot.matches({ trying: { second: 'unused' } }),
    isSecondOver: snapshot.matches({ trying: { second: 'ended' } }),
  };
}

/** Where a round is, by the chart. */
export function stateOf(round: Round): Place['state'] {
  return placeOf(round).state;
}

/** Whether the second connection was tried, and led to nothing. */
export function isSecondOver(round: Round): boolean {
  return placeOf(round).isSecondOver;
}

/** The round that a client is in, or was in last. */
export function lastRoundOf(world: World, client: number): number {
  return world.rounds.findLastIndex((round) => round.client === client);
}

const FIRST_CLOSED = { firstOpen: 0, firstFrames: '' } as const;
const SECOND_CLOSED = { secondOpen: 0, secondFrames: '' } as const;

function attached(world: World, { target }: Round): Partial<Round> {
  const isThere = processOf(world, target)?.status === 'up';
  return { secondOpen: 1, secondAt: isThere ? target : 0 };
}

function ended({ hasExcuse }: Round, outcome: RoundOutcome): Partial<Round> {
  // What only matters for the client's next step matters no more.
  const over = { isOver: 1, hasExcuse: 0, loss: ENDED } as const;
  if (outcome.type !== 'connected') {
    const isForNoReason = outcome.type === 'again' && hasExcuse === 0;
    const wrong = isForNoReason ? 'no needless round: the client begins again for no reason' : '';
    return { ...over, ...FIRST_CLOSED, ...SECOND_CLOSED, wrong };
  }
  return outcome.route === 'handedOff'
    ? { ...over, won: 1, ...SECOND_CLOSED }
    : { ...over, won: 2, ...FIRST_CLOSED };
}

/** What an event does to a round, by the chart; `named` is the process that the frame names. */
function take(world: World, index: number, symbol: number, named: ProcessId = 0): World {
  let round = roundOf(world, index);
  const { next, effects } = table.edge(nodeOf(round), symbol);
  round = { ...round, node: numberOf(next) };
  for (const effect of effects) {
    switch (effect.type) {
      case 'follow':
        round = { ...round, target: named };
        break;
      case 'attach':
        round = changed(round, attached(world, round));
        break;
      case 'close':
        round = { ...round, ...(effect.route === 'first' ? FIRST_CLOSED : SECOND_CLOSED) };
        break;
      case 'ended':
        round = changed(round, ended(round, effect.outcome));
        break;
      default:
        // What to remember or to forget is for the next connection.
        break;
    }
  }
  return withRound(world, index, round);
}

/** Begins again without asking the chart. */
function giveUp(world: World, index: number): World {
  const outcome = { type: 'again', pause: 'own', isBrokerMissing: false } as const;
  return withRound(world, index, { node: AGAIN, ...ended(roundOf(world, index), outcome) });
}

export const NEW: Round = {
  client: 0,
  node: numberOf(table.initial),
  target: 0,
  knows: 0,
  won: 0,
  isOver: 0,
  isLost: 0,
  hello: 0,
  loss: ENDED,
  firstOpen: 1,
  firstFrames: '',
  brokerHolds: 0,
  inChannelOf: 0,
  backendHolds: 0,
  secondAt: 0,
  secondHeld: 0,
  secondOpen: 0,
  secondFrames: '',
  transfer: -1,
  transferTo: 0,
  isUnannounced: 0,
  isSending: 0,
  isOld: 0,
  wasReadOld: 0,
  isDue: 0,
  isExpired: 0,
  claim: 0,
  claimedIn: 0,
  firstStage: UNTOUCHED,
  secondStage: UNTOUCHED,
  owesAck: 0,
  grants: 0,
  hasAcked: 0,
  readyRoutes: 0,
  ranRoutes: 0,
  hasExcuse: 0,
  wrong: '',
};

function begun(world: World, client: number, knows: ProcessId, change: Partial<Round>): World {
  const isAllWell = world.isBrokerUp && processOf(world, world.current)?.status === 'up';
  const round: Round = { ...NEW, client, knows, target: knows, hasExcuse: isAllWell ? 0 : 1, ...change };
  const rounds = [...world.rounds, round];
  return take({ ...world, rounds }, rounds.length - 1, knows === 0 ? STARTED : STARTED_KNOWING);
}

function beginnings(
  world: World,
  { rounds, onlyAttempts, mistake }: Scenario,
  client: number,
): readonly WorldStep[] {
  const from = `client ${client + 1}`;
  const count = world.rounds.filter((round) => round.client === client).length;
  if (count > 0 && !mayBeginAgain(roundOf(world, lastRoundOf(world, client)), mistake)) return [];
  if (count === rounds) return [];
  // Which of two clients comes first makes no difference.
  if (client > 0 && lastRoundOf(world, client - 1) === -1) return [];
  const steps: WorldStep[] = [];
  // What it knows is good for a first try.
  for (const knows of count === 0 && onlyAttempts !== true ? ([0, 1] as const) : ([0] as const)) {
    const text = knows === 0 ? 'hello' : `hello, knows ${processName(knows)}`;
    const reached: Partial<Round> = world.isBrokerUp ? { hello: 1, brokerHolds: 1 } : { loss: NOBODY_THERE };
    steps.push({ from, to: 'broker', text, isFault: false, next: begun(world, client, knows, reached) });
    if (world.faultsLeft > 0) {
      const next = begun(fault(world), client, knows, { loss: UNSENT, hasExcuse: 1 });
      steps.push({ from, to: from, text: `${text}: can't be sent`, isFault: true, next });
    }
  }
  return steps;
}

function mayBeginAgain(round: Round, mistake: Mistake | undefined): boolean {
  return stateOf(round) === 'again' || (mistake === 'repeatAfterReady' && round.isLost === 1);
}

/** Whether the other end of the first connection is closed, and all that came before that is read. */
export function hasFirstEnded(round: Round): boolean {
  return (
    round.firstOpen === 1 &&
    round.firstFrames === '' &&
    round.brokerHolds === 0 &&
    round.inChannelOf === 0 &&
    round.backendHolds === 0
  );
}

function hasSecondEnded(round: Round): boolean {
  return (
    round.secondOpen === 1 && round.secondFrames === '' && round.secondAt === 0 && round.secondHeld === 0
  );
}

function onFirstFrame(world: World, index: number, mistake: Mistake | undefined): World {
  const round = roundOf(world, index);
  const frame = round.firstFrames[0] ?? '';
  const read = withRound(world, index, { firstFrames: round.firstFrames.slice(1) });
  const named = frame === 'a' || frame === 'c' ? 1 : 2;
  const isAnother = round.target !== 0 && round.target !== named;
  switch (frame) {
    case 'a':
    case 'b':
      return take(read, index, isAnother ? ANNOUNCED_ANOTHER : ANNOUNCED, named);
    case 'c':
    case 'd':
      return take(read, index, isAnother ? RECONNECT_TO_ANOTHER : RECONNECT, named);
    case 'r':
      return take(read, index, FIRST_READY);
    default:
      if (mistake === 'errorIsFailure' && placeOf(round).hasAttached) return giveUp(read, index);
      return take(read, index, FIRST_ERROR[frame === 's' && round.knows !== 0 ? 'stale' : 'retryable']);
  }
}

function onSecondFrame(world: World, index: number, mistake: Mistake | undefined): World {
  const round = roundOf(world, index);
  const frame = round.secondFrames[0];
  const read = withRound(world, index, { secondFrames: round.secondFrames.slice(1) });
  if (frame === 'r') return take(read, index, SECOND_READY);
  if (frame === 'e') return take(read, index, SECOND_ERROR);
  if (mistake === 'attachAgain') return withRound(read, index, attached(world, round));
  return mistake === 'claimedIsFailure' ? giveUp(read, index) : take(read, index, SECOND_CLAIMED);
}

const FRAMES: Readonly<Record<string, string>> = {
  a: 'handoff to backend 1',
  b: 'handoff to backend 2',
  c: 'reconnect to backend 1',
  d: 'reconnect to backend 2',
  s: 'error staleBackend',
  u: 'error backendUnavailable',
  r: 'ready',
  k: 'claimed',
  e: 'an error',
};

/** Whether the client's own deadline may have passed. It's not before the broker's, where the broker could count on it. */
function isDeadlineOver(round: Round, mistake: Mistake | undefined): boolean {
  if (mistake === 'deadlineBeforeBroker') return true;
  const isCountedOn = round.isUnannounced === 1 && round.wasReadOld === 0;
  if (placeOf(round).isAnnounced || isCountedOn) return round.isDue === 1;
  return round.isOld === 1;
}

function goOn(world: World, { mistake }: Scenario, index: number): readonly WorldStep[] {
  const round = roundOf(world, index);
  const from = `client ${round.client + 1}`;
  const steps: WorldStep[] = [];
  const add = (text: string, next: World, isFault = false): void => {
    steps.push({ from, to: from, text, isFault, next });
    // The path of a dead process may be another one's by now.
    const { secondOpen, secondAt, target } = roundOf(next, index);
    const other = target === 1 ? 2 : 1;
    if (round.secondOpen === 0 && secondOpen === 1 && secondAt === 0 && next.faultsLeft > 0) {
      if (processOf(next, other)?.status !== 'up') return;
      const astray = withRound(fault(next), index, { secondAt: other });
      steps.push({
        from,
        to: processName(other),
        text: `${text}; its path is another's`,
        isFault: true,
        next: astray,
      });
    }
  };
  if (round.won !== 0) {
    const hasEnded = round.won === 1 ? hasFirstEnded(round) : hasSecondEnded(round);
    if (hasEnded) {
      add(
        'sees its connection end: connectionLost',
        withRound(world, index, { isLost: 1, firstOpen: 0, secondOpen: 0 }),
      );
    }
    return steps;
  }
  if (stateOf(round) !== 'trying') return steps;
  const isAsleep = mistake === 'waitForEverAtEnd' && hasFirstEnded(round) && placeOf(round).isAnnounced;
  if (round.firstFrames !== '') {
    add(`reads ${FRAMES[round.firstFrames[0] ?? '']}`, onFirstFrame(world, index, mistake));
  } else if (hasFirstEnded(round) && !isAsleep) {
    const loss = ROUND_LOSSES[round.loss] ?? 'ended';
    const closed = withRound(world, index, { firstOpen: 0 });
    add('sees the first connection end', take(closed, index, FIRST_LOST[loss]));
  }
  if (round.secondFrames !== '') {
    add(
      `reads ${FRAMES[round.secondFrames[0] ?? '']} on the second connection`,
      onSecondFrame(world, index, mistake),
    );
  } else if (hasSecondEnded(round)) {
    const closed = withRound(world, index, { secondOpen: 0 });
    add('sees the second connection end', take(closed, index, SECOND_LOST));
  }
  const expecting = placeOf(round).isKnowing || placeOf(round).isAnnounced;
  if (expecting && !placeOf(round).hasAttached && !isAsleep && isDeadlineOver(round, mistake)) {
    add('has waited long enough: attach', take(world, index, DEADLINE_PASSED));
  }
  if (world.faultsLeft > 0) add('leaves', take(fault(world, false), index, CANCELLED), true);
  return steps;
}

/** The clients: their rounds of connecting, by the chart of a round. */
export const clientSteps: Component = (world, scenario) => {
  const steps: WorldStep[] = [];
  for (let client = 0; client < scenario.clients; client++) {
    steps.push(...beginnings(world, scenario, client));
    const index = lastRoundOf(world, client);
    if (index >= 0) steps.push(...goOn(world, scenario, index));
  }
  return steps;
};
