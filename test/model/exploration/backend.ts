import {
  type Answer,
  CLAIMED,
  type Component,
  fault,
  GIVEN,
  type ProcessId,
  processName,
  processOf,
  READY,
  type Round,
  roundOf,
  type Scenario,
  UNTOUCHED,
  type World,
  type WorldStep,
  withAllRounds,
  withProcess,
  withRound,
} from './World';

/** Tells the broker, if it's there. */
function answer(world: World, id: ProcessId, told: Answer): World {
  const process = processOf(world, id);
  if (process?.channel !== 'open') return world;
  const said = withProcess(world, id, { answers: [...process.answers, told] });
  return told.says === 'ack' ? withRound(said, told.round, { hasAcked: 1 }) : said;
}

/** The claim table, by its rules in their order; that it's full is a fault. */
export function claim(
  world: World,
  index: number,
  id: ProcessId,
  route: 1 | 2,
  { mistake }: Scenario,
): World | 'claimed' | 'expired' {
  const round = roundOf(world, index);
  if (round.isExpired === 1) return 'expired';
  const isClaimed = round.claimedIn === id && (mistake !== 'claimPerRoute' || round.claim === route);
  if (isClaimed) return 'claimed';
  const grants = Math.min(2, round.grants + 1) as Round['grants'];
  return withRound(world, index, { claim: route, claimedIn: id, grants });
}

function readHandle(world: World, scenario: Scenario, id: 1 | 2): readonly WorldStep[] {
  const process = processOf(world, id);
  const [index, ...others] = process?.handles ?? [];
  if (process === undefined || index === undefined) return [];
  const steps: WorldStep[] = [];
  const from = processName(id);
  const { mistake } = scenario;
  const taken = withProcess(withRound(world, index, { inChannelOf: 0 }), id, { handles: others });
  const refuse = (after: World, says: Answer['says'], isFault: boolean): void => {
    const kept = mistake === 'refuseAndKeep' ? withRound(after, index, { backendHolds: id }) : after;
    const next = answer(kept, id, { round: index, says });
    steps.push({ from, to: 'broker', text: `reads the handle: refuse ${says}`, isFault, next });
  };
  if (process.status === 'leaving') {
    refuse(taken, 'busy', false);
    return steps;
  }
  const claimed = claim(taken, index, id, 1, scenario);
  if (typeof claimed === 'string') {
    refuse(taken, claimed, false);
  } else {
    const next = withRound(claimed, index, { backendHolds: id, firstStage: CLAIMED });
    steps.push({ from, to: from, text: 'reads the handle, claims its id', isFault: false, next });
  }
  if (world.faultsLeft > 0) {
    const isAfterClaim = mistake === 'refuseAfterClaim' && typeof claimed !== 'string';
    refuse(fault(isAfterClaim ? claimed : taken, false), 'permission', true);
    refuse(fault(taken), 'busy', true);
  }
  return steps;
}

function goOnWithFirst(world: World, { mistake }: Scenario, id: 1 | 2, index: number): readonly WorldStep[] {
  const round = roundOf(world, index);
  const from = processName(id);
  const to = `client ${round.client + 1}`;
  const steps: WorldStep[] = [];
  if (round.firstStage === CLAIMED) {
    if (round.firstOpen === 1) {
      const hasRun = (round.ranRoutes & 1) === 1;
      const next = withRound(world, index, {
        firstFrames: `${round.firstFrames}r`,
        readyRoutes: round.readyRoutes | 1,
        firstStage: hasRun ? GIVEN : READY,
      });
      steps.push({ from, to, text: 'ready', isFault: false, next });
    } else {
      const closed = withRound(world, index, { backendHolds: 0, firstStage: UNTOUCHED });
      const next = answer(closed, id, { round: index, says: 'clientLeft' });
      steps.push({ from, to: 'broker', text: "can't write ready: refuse clientLeft", isFault: false, next });
    }
  }
  const isTooEarly =
    mistake === 'acknowledgeBeforeReady' && round.firstStage === CLAIMED && round.ranRoutes === 0;
  if (round.firstStage === READY || isTooEarly) {
    const next = withRound(world, index, {
      firstStage: isTooEarly ? CLAIMED : GIVEN,
      ranRoutes: round.ranRoutes | 1,
      owesAck: 1,
    });
    steps.push({ from, to: from, text: 'gives the connection to the application', isFault: false, next });
  }
  if (round.owesAck === 1) {
    const next = answer(withRound(world, index, { owesAck: 0 }), id, { round: index, says: 'ack' });
    steps.push({ from, to: 'broker', text: 'ack', isFault: false, next });
  }
  return steps;
}

function readAttach(world: World, scenario: Scenario, id: 1 | 2, index: number): readonly WorldStep[] {
  const round = roundOf(world, index);
  const from = processName(id);
  const to = `client ${round.client + 1}`;
  const steps: WorldStep[] = [];
  const taken = withRound(world, index, { secondAt: 0 });
  const say = (frame: string): Partial<Round> => ({
    secondFrames: round.secondOpen === 1 ? round.secondFrames + frame : '',
  });
  if (round.target !== id && scenario.mistake !== 'acceptAnyAttach') {
    const next = withRound(taken, index, say('e'));
    return [{ from, to, text: 'reads the attach: error wrongBackend', isFault: false, next }];
  }
  const claimed = claim(taken, index, id, 2, scenario);
  if (typeof claimed === 'string') {
    const next = withRound(taken, index, say(claimed === 'claimed' ? 'k' : 'e'));
    steps.push({ from, to, text: `reads the attach: ${claimed}`, isFault: false, next });
  } else {
    const next = withRound(claimed, index, { secondHeld: id, secondStage: CLAIMED });
    steps.push({ from, to: from, text: 'reads the attach, claims its id', isFault: false, next });
  }
  if (world.faultsLeft > 0) {
    const full = withRound(fault(taken), index, say('e'));
    steps.push({ from, to, text: 'reads the attach: error busy', isFault: true, next: full });
    steps.push({ from, to, text: 'closes the attach unread, for room', isFault: true, next: fault(taken) });
  }
  return steps;
}

function goOnWithSecond(world: World, id: 1 | 2, index: number): readonly WorldStep[] {
  const round = roundOf(world, index);
  const from = processName(id);
  const to = `client ${round.client + 1}`;
  if (round.secondStage === CLAIMED) {
    const next =
      round.secondOpen === 1
        ? withRound(world, index, {
            secondFrames: `${round.secondFrames}r`,
            readyRoutes: round.readyRoutes | 2,
            secondStage: READY,
          })
        : withRound(world, index, { secondHeld: 0, secondStage: UNTOUCHED });
    return [{ from, to, text: 'ready on the second connection', isFault: false, next }];
  }
  if (round.secondStage === READY) {
    const next = withRound(world, index, { secondStage: GIVEN, ranRoutes: round.ranRoutes | 2 });
    return [{ from, to: from, text: 'gives the second connection to the application', isFault: false, next }];
  }
  return [];
}

/** Nothing of the process is left but what it has said. */
function die(world: World, id: 1 | 2): World {
  const channel = processOf(world, id)?.channel === 'open' ? 'lost' : 'none';
  const dead = withProcess(fault(world), id, { status: 'dead', channel, handles: [] });
  return withAllRounds(dead, (round) => ({
    ...(round.inChannelOf === id && { inChannelOf: 0 }),
    ...(round.backendHolds === id && { backendHolds: 0, firstStage: UNTOUCHED, owesAck: 0 }),
    ...(round.secondAt === id && { secondAt: 0 }),
    ...(round.secondHeld === id && { secondHeld: 0, secondStage: UNTOUCHED }),
    ...(round.claimedIn === id && { claim: 0, claimedIn: 0 }),
  }));
}

/** It takes nothing new: its endpoint is closed, and what was not the application's there. */
function leave(world: World, id: 1 | 2): World {
  const left = withProcess(fault(world), id, { status: 'leaving' });
  return withAllRounds(left, (round) => ({
    ...(round.secondAt === id && { secondAt: 0 }),
    ...(round.secondHeld === id &&
      round.secondStage === CLAIMED && { secondHeld: 0, secondStage: UNTOUCHED }),
  }));
}

/** Closes the handles that are in the channel. */
function dropHandles(world: World, id: 1 | 2): World {
  return withAllRounds(withProcess(world, id, { handles: [] }), (round) => ({
    ...(round.inChannelOf === id && { inChannelOf: 0 }),
  }));
}

function closeChannel(world: World, id: 1 | 2): World {
  let result = world;
  world.rounds.forEach((round, index) => {
    if (round.backendHolds !== id || round.owesAck === 0) return;
    result = answer(withRound(result, index, { owesAck: 0 }), id, { round: index, says: 'ack' });
  });
  return withProcess(dropHandles(result, id), id, { channel: 'lost' });
}

function stepsOf(world: World, scenario: Scenario, id: 1 | 2): readonly WorldStep[] {
  const process = processOf(world, id);
  if (process?.status !== 'up' && process?.status !== 'leaving') return [];
  const from = processName(id);
  const steps: WorldStep[] = [...readHandle(world, scenario, id)];
  const isUp = process.status === 'up';
  world.rounds.forEach((round, index) => {
    if (round.backendHolds === id) steps.push(...goOnWithFirst(world, scenario, id, index));
    if (round.secondAt === id && isUp) steps.push(...readAttach(world, scenario, id, index));
    if (round.secondHeld === id) steps.push(...goOnWithSecond(world, id, index));
    if (scenario.mistake === 'forgetClaims' && round.claimedIn === id && round.isDue === 1) {
      const next = withRound(world, index, { claim: 0, claimedIn: 0 });
      steps.push({ from, to: from, text: 'forgets a claim', isFault: false, next });
    }
  });
  if (process.channel === 'ended') {
    const isForgetful = scenario.mistake === 'dropHandlesUnclosed';
    const dropped = isForgetful ? withProcess(world, id, { handles: [] }) : dropHandles(world, id);
    const next = withProcess(dropped, id, { channel: 'none' });
    steps.push({
      from,
      to: from,
      text: 'sees the end of its broker, closes what is in the channel',
      isFault: false,
      next,
    });
  }
  if (process.status === 'leaving' && process.channel === 'open') {
    steps.push({
      from,
      to: 'broker',
      text: 'closes its channel',
      isFault: false,
      next: closeChannel(world, id),
    });
  }
  if (world.faultsLeft > 0) {
    steps.push({ from, to: from, text: 'dies', isFault: true, next: die(world, id) });
    if (isUp)
      steps.push({
        from,
        to: from,
        text: 'takes nothing new any more',
        isFault: true,
        next: leave(world, id),
      });
  }
  return steps;
}

/** The backend processes, with their claim tables. */
export const backendSteps: Component = (world, scenario) => [
  ...stepsOf(world, scenario, 1),
  ...stepsOf(world, scenario, 2),
];
