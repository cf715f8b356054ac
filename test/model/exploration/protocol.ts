import { backendSteps } from './backend';
import { brokerSteps, transferOf } from './broker';
import { clientSteps, lastRoundOf, stateOf } from './client';
import { explore, type Findings, type Model } from './explore';
import { keyOf } from './keyOf';
import { timeSteps } from './time';
import { type Component, GIVEN, type Process, type Scenario, type World } from './World';

const COMPONENTS: readonly Component[] = [clientSteps, brokerSteps, backendSteps, timeSteps];

/** The invariants, as `docs/protocol.md` names them. A problem begins with the name of the one that is broken. */
export const INVARIANTS = [
  'R1',
  'R2',
  'R3',
  'once',
  'true errors',
  'true counts',
  'no false blame',
  'no needless round',
  'an owner',
  'an end',
] as const;

type Problem = `${(typeof INVARIANTS)[number]}: ${string}`;

/** What is checked of each world by itself; a step that is never right says so itself. */
const PROBLEMS: readonly (readonly [problem: Problem, isBroken: (world: World) => boolean])[] = [
  [
    'R1: something is written behind `ready` that is not the application\u2019s',
    ({ rounds }) =>
      rounds.some(({ firstFrames, secondFrames }) => /r./.test(firstFrames) || /r./.test(secondFrames)),
  ],
  ['R2: both routes of an id are let in', ({ rounds }) => rounds.some(({ grants }) => grants > 1)],
  [
    'R3: the application has a request whose `ready` is not in the kernel',
    ({ rounds }) => rounds.some(({ ranRoutes, readyRoutes }) => (ranRoutes & ~readyRoutes) !== 0),
  ],
  [
    'once: a request runs twice, or the client begins again though it may have run',
    ({ rounds }) =>
      rounds.some(
        ({ client, readyRoutes, ranRoutes }, index) =>
          ranRoutes === 3 ||
          (readyRoutes !== 0 && rounds.some((later, at) => at > index && later.client === client)),
      ),
  ],
  [
    'true counts: a connection counts as handed over, and the application never had it',
    ({ rounds }) =>
      rounds.some((round) => transferOf(round)?.state === 'acknowledged' && (round.ranRoutes & 1) === 0),
  ],
  [
    'true errors: the client fails for good, though nobody refuses it',
    ({ rounds }) => rounds.some((round) => stateOf(round) === 'failed'),
  ],
  [
    'true errors: `connectionLost`, though nothing can have run',
    ({ rounds }) => rounds.some(({ isLost, readyRoutes, won }) => isLost === 1 && (readyRoutes & won) === 0),
  ],
];

function problemOf(world: World): string | undefined {
  const wrong = world.rounds.find((round) => round.wrong !== '');
  return wrong?.wrong ?? PROBLEMS.find(([, isBroken]) => isBroken(world))?.[0];
}

/** What nobody will ever do anything about. */
function problemAtRest(world: World): Problem | undefined {
  const { rounds, processes } = world;
  const isWaiting = rounds.some((round) => stateOf(round) === 'trying');
  if (isWaiting) return 'an end: a client waits for ever';
  const isHeld = rounds.some(
    (round) =>
      round.brokerHolds === 1 ||
      round.inChannelOf !== 0 ||
      round.secondAt !== 0 ||
      (round.backendHolds !== 0 && round.firstStage !== GIVEN) ||
      (round.secondHeld !== 0 && round.secondStage !== GIVEN),
  );
  if (isHeld) return 'an owner: nobody will close a handle';
  const isOpen = rounds.some((round) => transferOf(round)?.isOver === false);
  if (isOpen) return 'an end: a transfer has none';
  const isUnread = processes.some(({ handles, answers }) => handles.length > 0 || answers.length > 0);
  return isUnread ? 'an owner: a channel is never read' : undefined;
}

const UNBORN: Process = { status: 'unborn', channel: 'none', handles: [], answers: [] };

export const INITIAL: Omit<World, 'faultsLeft'> = {
  rounds: [],
  isBrokerUp: true,
  current: 1,
  processes: [{ ...UNBORN, status: 'up', channel: 'open' }, UNBORN],
};

/** The protocol as a whole: what its parts can do together. */
export function protocolModel(scenario: Scenario, visit?: (world: World) => void): Model<World> {
  const clients = Array.from({ length: scenario.clients }, (_, client) => client);
  return {
    initial: [{ ...INITIAL, faultsLeft: scenario.faults }],
    steps: (world) => COMPONENTS.flatMap((component) => component(world, scenario)),
    keyOf,
    problemOf,
    problemAtRest,
    // It's also the end when there's no time left to begin again: the error `timeout`.
    isEnd: (world) =>
      clients.every((client) => {
        const round = world.rounds[lastRoundOf(world, client)];
        return round !== undefined && stateOf(round) !== 'trying';
      }),
    ...(visit && { visit }),
  };
}

export function exploreProtocol(scenario: Scenario, visit?: (world: World) => void): Findings {
  return explore(protocolModel(scenario, visit));
}
