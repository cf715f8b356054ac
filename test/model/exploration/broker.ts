import { type TransferNode, TransferTable } from '../../../src/broker/transfers/TransferTable';
import {
  ACKNOWLEDGED,
  ANNOUNCED,
  ANNOUNCEMENT_FAILED,
  CHANNEL_CLOSED,
  DEADLINE_PASSED,
  REFUSED,
  SEND_DENIED,
  SEND_DONE,
  SEND_FAILED,
  SEND_OUT_OF_DESCRIPTORS,
  TURN_CAME,
  TURN_CAME_TO_KNOWING,
} from '../../../src/broker/transfers/transferSymbols';
import {
  type Answer,
  type Component,
  fault,
  type ProcessId,
  processName,
  processOf,
  type Round,
  roundOf,
  type Scenario,
  type World,
  type WorldStep,
  withAllRounds,
  withProcess,
  withRound,
} from './World';

const table = new TransferTable();
const nodes: TransferNode[] = [];
const numbers = new Map<TransferNode, number>();

function numberOf(node: TransferNode): number {
  let number = numbers.get(node);
  if (number === undefined) {
    number = nodes.push(node) - 1;
    numbers.set(node, number);
  }
  return number;
}

/** The transfer of a round, or undefined if there is none (any more). */
export function transferOf({ transfer }: Round): TransferNode | undefined {
  return nodes[transfer];
}

const PROCESSES = [1, 2] as const;

function write(world: World, index: number, frame: string): World {
  const round = roundOf(world, index);
  const isOthers = round.inChannelOf !== 0 || round.backendHolds !== 0;
  return withRound(world, index, {
    firstFrames: round.firstOpen === 1 ? round.firstFrames + frame : round.firstFrames,
    ...(isOthers && { wrong: 'R1: the broker writes on a connection that a backend has, or will have' }),
  });
}

/** Writes the last word and closes. */
function writeLast(world: World, index: number, frame: string): World {
  return withRound(write(world, index, frame), index, { brokerHolds: 0 });
}

/** What becomes of a send. */
type Sending = 'sent' | 'denied' | 'outOfDescriptors' | 'lost' | 'unknown';

function take(
  world: World,
  index: number,
  symbol: number,
  scenario: Scenario,
  sending: Sending = 'sent',
): World {
  const { mistake } = scenario;
  const before = roundOf(world, index);
  const node = transferOf(before);
  if (node === undefined) return world;
  const { next, announces, sends, outcome, closes } = table.edge(node, symbol);
  let result = withRound(world, index, { transfer: numberOf(next) });
  const to = before.transferTo;
  if (outcome !== undefined && outcome.type !== 'acknowledged') {
    const isFailed = outcome.type === 'failed';
    const isLate = isFailed && outcome.failure === 'backendAckTimeout';
    const isRefusal = symbol === REFUSED.claimed || symbol === REFUSED.expired;
    // Who had to be told though it knows may be at the endpoint before it has read that: the hello came late.
    const isExcused = before.isExpired === 1 || (before.wasReadOld === 1 && before.isUnannounced === 0);
    if (isLate && isRefusal && before.isDue === 0 && !isExcused) {
      result = withRound(result, index, { wrong: 'no false blame: the backend is blamed, and was in time' });
    }
    if (symbol === CHANNEL_CLOSED && before.isDue === 0 && before.hasAcked === 1) {
      result = withRound(result, index, { wrong: 'no false blame: the backend had acknowledged in time' });
    }
    const mayWrite = outcome.mayWrite || (isFailed && mistake === 'reconnectWhateverFailed');
    if (mayWrite) result = writeLast(result, index, to === 1 ? 'c' : 'd');
  }
  if (closes && !(mistake === 'keepCopyAtDeadline' && outcome?.type !== 'acknowledged')) {
    result = withRound(result, index, { brokerHolds: 0 });
  }
  if (announces) {
    const isWritten = before.firstOpen === 1;
    if (isWritten && mistake !== 'announceAfterSend') result = write(result, index, to === 1 ? 'a' : 'b');
    return take(result, index, isWritten ? ANNOUNCED : ANNOUNCEMENT_FAILED, scenario, sending);
  }
  return sends ? send(result, index, to, scenario, sending) : result;
}

function send(world: World, index: number, to: ProcessId, scenario: Scenario, sending: Sending): World {
  const receiver = processOf(world, to);
  if (sending === 'denied') return take(world, index, SEND_DENIED, scenario);
  if (sending === 'outOfDescriptors') return take(world, index, SEND_OUT_OF_DESCRIPTORS, scenario);
  if (sending === 'lost' || receiver?.channel !== 'open') return take(world, index, SEND_FAILED, scenario);
  const sent = withProcess(withRound(world, index, { inChannelOf: to, isSending: 1 }), to, {
    handles: [...receiver.handles, index],
  });
  if (sending === 'unknown')
    return take(withRound(sent, index, { isSending: 0 }), index, SEND_FAILED, scenario);
  return sent;
}

function readHello(world: World, { mistake, onlyAttempts }: Scenario, index: number): readonly WorldStep[] {
  const round = roundOf(world, index);
  const { current } = world;
  const { knows, isOld } = round;
  const steps: WorldStep[] = [];
  const read = withRound(world, index, { hello: 2, wasReadOld: isOld });
  const to = `client ${round.client + 1}`;
  const say = (text: string, next: World): void => {
    steps.push({ from: 'broker', to, text: `reads hello: ${text}`, isFault: false, next });
  };
  const sayError = (text: string, frame: string): void => {
    say(text, writeLast(withRound(read, index, { hasExcuse: 1 }), index, frame));
  };
  if (current === 0) {
    sayError('error backendUnavailable', 'u');
    return steps;
  }
  const isElsewhere = knows !== 0 && knows !== current && mistake !== 'knowsElsewhere';
  // It may be too old for any use.
  if (isElsewhere || (knows !== 0 && isOld === 1)) sayError('error staleBackend', 's');
  if (isElsewhere) return steps;
  const channel = processOf(world, current)?.channel;
  const mayAttempt = channel === 'open' || channel === 'lost';
  if (!mayAttempt || onlyAttempts !== true) {
    say('reconnect', writeLast(read, index, current === 1 ? 'c' : 'd'));
  }
  if (mayAttempt) {
    const isUnannounced = knows !== 0 && (isOld === 0 || mistake === 'unannouncedThoughOld') ? 1 : 0;
    const next = withRound(read, index, {
      transfer: numberOf(table.initial),
      transferTo: current,
      isUnannounced,
    });
    steps.push({ from: 'broker', to: 'broker', text: 'reads hello: attempt', isFault: false, next });
  }
  return steps;
}

const SEND_FAULTS: readonly (readonly [Sending, string])[] = [
  ['denied', 'EPERM'],
  ['outOfDescriptors', 'EMFILE'],
  ['lost', 'it fails, the handle has not left'],
  ['unknown', 'it fails, the handle has left'],
];

function goOn(world: World, scenario: Scenario, index: number): readonly WorldStep[] {
  const steps: WorldStep[] = [];
  const round = roundOf(world, index);
  const transfer = transferOf(round);
  if (transfer === undefined) return steps;
  const { transferTo, isUnannounced } = round;
  if (transfer.state === 'issued') {
    const symbol = isUnannounced === 1 ? TURN_CAME_TO_KNOWING : TURN_CAME;
    const text = isUnannounced === 1 ? 'sends the handle' : 'announces and sends the handle';
    const add = (name: string, isFault: boolean, next: World): void => {
      steps.push({ from: 'broker', to: processName(transferTo), text: name, isFault, next });
    };
    const next = take(world, index, symbol, scenario);
    add(text, false, next);
    if (world.faultsLeft > 0 && roundOf(next, index).isSending === 1) {
      for (const [sending, why] of SEND_FAULTS) {
        // The client isn't given up for it: it still has to get through.
        add(`${text}: ${why}`, true, take(fault(world, false), index, symbol, scenario, sending));
      }
    }
  }
  const add = (text: string, next: World): void => {
    steps.push({ from: 'broker', to: 'broker', text, isFault: false, next });
  };
  if (round.isSending === 1) {
    let done = withRound(world, index, { isSending: 0 });
    if (scenario.mistake === 'announceAfterSend') done = write(done, index, transferTo === 1 ? 'a' : 'b');
    add('has sent the handle', take(done, index, SEND_DONE, scenario));
  }
  if (round.isDue === 1 && !transfer.isOver) {
    add('sees the deadline pass', take(world, index, DEADLINE_PASSED, scenario));
  }
  if (
    scenario.mistake === 'sendAfterDeadline' &&
    transfer.state === 'failed' &&
    round.firstOpen === 1 &&
    round.inChannelOf === 0 &&
    round.backendHolds === 0 &&
    /^[cd]$/.test(round.firstFrames)
  ) {
    const isOpen = processOf(world, transferTo)?.channel === 'open';
    const handles = [...(processOf(world, transferTo)?.handles ?? []), index];
    const sent = withRound(world, index, { inChannelOf: transferTo });
    if (isOpen) add('sends the handle though it is late', withProcess(sent, transferTo, { handles }));
  }
  return steps;
}

function symbolOf({ says }: Answer): number {
  return says === 'ack' ? ACKNOWLEDGED : REFUSED[says];
}

function firstInFlight(world: World, id: 1 | 2): number {
  return Math.max(
    0,
    world.rounds.findIndex((round) => round.transferTo === id && transferOf(round)?.state === 'sent'),
  );
}

function hear(world: World, scenario: Scenario, id: 1 | 2): readonly WorldStep[] {
  const steps: WorldStep[] = [];
  const process = processOf(world, id);
  if (process === undefined) return steps;
  const { answers, channel } = process;
  const add = (text: string, next: World): void => {
    steps.push({ from: 'broker', to: 'broker', text, isFault: false, next });
  };
  const [answer, ...others] = answers;
  if (answer !== undefined) {
    const heard = withProcess(world, id, { answers: others });
    const about = scenario.mistake === 'answersByOrder' ? firstInFlight(world, id) : answer.round;
    add(`reads ${answer.says} of ${processName(id)}`, take(heard, about, symbolOf(answer), scenario));
  }
  // The channel's end comes behind all that was said on it.
  if (channel === 'lost' && (answers.length === 0 || scenario.mistake === 'endBeforeAnswers')) {
    let closed = withProcess(world, id, { channel: 'none', answers: [] });
    closed.rounds.forEach((round, index) => {
      if (round.transferTo !== id) return;
      closed = take(withRound(closed, index, { isSending: 0 }), index, CHANNEL_CLOSED, scenario);
    });
    add(`sees the channel to ${processName(id)} end`, closed);
  }
  return steps;
}

/** Starts the process that has never run. */
function startAnother(world: World): World | undefined {
  const id = PROCESSES.find((one) => processOf(world, one)?.status === 'unborn');
  return id === undefined
    ? undefined
    : { ...withProcess(world, id, { status: 'up', channel: 'open' }), current: id };
}

function lookAfterProcesses(world: World): readonly WorldStep[] {
  const { current } = world;
  const process = processOf(world, current);
  if (
    process === undefined ||
    process.status === 'up' ||
    process.channel === 'lost' ||
    process.channel === 'open'
  )
    return [];
  const text = `sees that ${processName(current)} is gone, starts another`;
  const next = startAnother(world) ?? { ...world, current: 0 as const };
  return [{ from: 'broker', to: 'broker', text, isFault: false, next }];
}

function die(world: World): World {
  const dead = withAllRounds({ ...fault(world), isBrokerUp: false, current: 0 }, (round) => ({
    brokerHolds: 0,
    transfer: -1,
    isSending: 0,
    ...(round.hello === 1 && { hello: 2 }),
  }));
  return PROCESSES.reduce<World>((result, id) => {
    const channel = processOf(result, id)?.channel;
    if (channel === 'open') return withProcess(result, id, { channel: 'ended', answers: [] });
    return channel === 'lost' ? withProcess(result, id, { channel: 'none', answers: [] }) : result;
  }, dead);
}

function startBroker(world: World): readonly WorldStep[] {
  const from = 'broker';
  const broker = { ...world, isBrokerUp: true };
  const survivor = PROCESSES.find((id) => processOf(world, id)?.status === 'up');
  const steps: WorldStep[] = [];
  const other = startAnother(broker);
  if (survivor !== undefined) {
    const text = `a new one starts, adopts ${processName(survivor)}`;
    steps.push({ from, to: from, text, isFault: false, next: { ...broker, current: survivor } });
    if (other !== undefined && world.faultsLeft > 0) {
      const next = { ...other, faultsLeft: world.faultsLeft - 1 };
      steps.push({ from, to: from, text: 'a new one starts, adopts nobody', isFault: true, next });
    }
  } else {
    steps.push({
      from,
      to: from,
      text: 'a new one starts',
      isFault: false,
      next: other ?? { ...broker, current: 0 },
    });
  }
  return steps;
}

/** The broker: its transfers by their chart, the queue as a turn that comes at any time, the controller as any answer. */
export const brokerSteps: Component = (world, scenario) => {
  if (!world.isBrokerUp) return startBroker(world);
  const steps: WorldStep[] = [];
  world.rounds.forEach((round, index) => {
    if (round.hello === 1 && round.brokerHolds === 1) steps.push(...readHello(world, scenario, index));
    steps.push(...goOn(world, scenario, index));
  });
  for (const id of PROCESSES) steps.push(...hear(world, scenario, id));
  steps.push(...lookAfterProcesses(world));
  if (world.faultsLeft > 0) {
    steps.push({ from: 'broker', to: 'broker', text: 'dies', isFault: true, next: die(world) });
  }
  return steps;
};
