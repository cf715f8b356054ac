import type { Step } from './explore';
import type { Mistake } from './mistakes';

/** A backend process, by number from 1; 0 is none. */
export type ProcessId = 0 | 1 | 2;

export type Flag = 0 | 1;

/** How far a backend is with one route of a connection. */
export const UNTOUCHED = 0;
/** The id is claimed for it. */
export const CLAIMED = 1;
/** Its `ready` is in the kernel. */
export const READY = 2;
/** The application has it. */
export const GIVEN = 3;
export type Stage = typeof UNTOUCHED | typeof CLAIMED | typeof READY | typeof GIVEN;

/**
 * All that belongs to one connection id: the client's round, its two connections, the broker's transfer, and what the backend
 * makes of it. Frames on their way are letters, the oldest first. An id that is given up lives on in what is left of it.
 */
export interface Round {
  /** Whose: a client has one round after the other. */
  readonly client: number;
  /** The chart's state, as a number of `roundNodes`. */
  readonly node: number;
  /** Where the round leads to, as far as the client knows. */
  readonly target: ProcessId;
  /** The process that the hello names. */
  readonly knows: ProcessId;
  /** The route that the client goes on with. */
  readonly won: 0 | 1 | 2;
  /** The client's round has ended, in whatever way. */
  readonly isOver: Flag;
  /** The client has lost the connection that it went on with. */
  readonly isLost: Flag;

  /** The hello: 0 not sent, 1 on its way, 2 read. */
  readonly hello: 0 | 1 | 2;
  /** How the client would see the first connection's loss, as a number of `ROUND_LOSSES`. */
  readonly loss: 0 | 1 | 2;
  /** The client's end is open. */
  readonly firstOpen: Flag;
  /** `a`, `b`: handoff to process 1, 2. `c`, `d`: reconnect to it. `s`: stale. `u`: unavailable. `r`: ready. */
  readonly firstFrames: string;
  /** The other end: the broker's copy, the one in a process's channel, and the one of a process. */
  readonly brokerHolds: Flag;
  readonly inChannelOf: ProcessId;
  readonly backendHolds: ProcessId;

  /** The process in whose queue the second connection waits, and then the one that has it. */
  readonly secondAt: ProcessId;
  readonly secondHeld: ProcessId;
  readonly secondOpen: Flag;
  /** `k`: claimed. `e`: error. `r`: ready. */
  readonly secondFrames: string;

  /** The transfer's state as a number of `transferNodes`; -1: there is none, or its broker is dead. */
  readonly transfer: number;
  readonly transferTo: ProcessId;
  /** The broker counts on the client's knowing, so that it announces nothing. */
  readonly isUnannounced: Flag;
  /** The channel hasn't said what became of the send. */
  readonly isSending: Flag;
  /** The stamp is older than the broker may count on. */
  readonly isOld: Flag;
  /** The hello was read when it was. */
  readonly wasReadOld: Flag;
  /** The time that the backend had is over, whoever has noticed. */
  readonly isDue: Flag;
  /** The stamp is so old that no claim is granted any more. */
  readonly isExpired: Flag;

  /** The claim table: the route that the id is claimed for, and by which process. */
  readonly claim: 0 | 1 | 2;
  readonly claimedIn: ProcessId;
  readonly firstStage: Stage;
  readonly secondStage: Stage;
  /** The process has not acknowledged yet. */
  readonly owesAck: Flag;

  // What was so, for the invariants.
  /** How often the id was claimed, in all processes. */
  readonly grants: 0 | 1 | 2;
  /** The process has acknowledged, to a broker that may hear it. */
  readonly hasAcked: Flag;
  /** The routes whose `ready` was in the kernel, as bits. */
  readonly readyRoutes: number;
  /** The routes on which the application got the request, as bits. */
  readonly ranRoutes: number;
  /** Something happened for which the client may have to begin again. */
  readonly hasExcuse: Flag;
  /** What a step did that is never right. */
  readonly wrong: '' | `${'R1' | 'no false blame' | 'no needless round'}: ${string}`;
}

export interface Process {
  /** `leaving`: it takes nothing new. */
  readonly status: 'unborn' | 'up' | 'leaving' | 'dead';
  /** The way to the broker that started it. `ended`: that broker is dead. `lost`: the process has closed its end. */
  readonly channel: 'none' | 'open' | 'ended' | 'lost';
  /** Handles on their way, by round. */
  readonly handles: readonly number[];
  /** Answers on their way: the round, and what is said. */
  readonly answers: readonly Answer[];
}

export interface Answer {
  readonly round: number;
  readonly says: 'ack' | 'permission' | 'claimed' | 'expired' | 'busy' | 'clientLeft';
}

export interface World {
  readonly rounds: readonly Round[];
  readonly isBrokerUp: boolean;
  /** The process that the broker sends clients to. */
  readonly current: ProcessId;
  readonly processes: readonly [Process, Process];
  /** How much may still go wrong. */
  readonly faultsLeft: number;
}

/** Bounds of an exploration, and what is deliberately wrong in it. */
export interface Scenario {
  readonly clients: number;
  /** Rounds that a client has time for. */
  readonly rounds: number;
  readonly faults: number;
  /** Leaves out clients that know a backend, and a broker that reconnects them unasked: fewer worlds, for more clients. */
  readonly onlyAttempts?: boolean;
  readonly mistake?: Mistake;
}

export type WorldStep = Step<World>;

/** A part of the world: what it can do. */
export type Component = (world: World, scenario: Scenario) => readonly WorldStep[];

export const processName = (process: ProcessId): string => `backend ${process}`;

export function processOf(world: World, id: ProcessId): Process | undefined {
  return id === 0 ? undefined : world.processes[id - 1];
}

export function withProcess(world: World, id: ProcessId, change: Partial<Process>): World {
  const [first, second] = world.processes;
  if (id === 1) return { ...world, processes: [{ ...first, ...change }, second] };
  if (id === 2) return { ...world, processes: [first, { ...second, ...change }] };
  return world;
}

export function roundOf(world: World, index: number): Round {
  const round = world.rounds[index];
  if (round === undefined) throw new Error(`There is no round ${index}`);
  return round;
}

/** A copy; two spreads in one literal take several times as long. */
export function changed(round: Round, change: Partial<Round>): Round {
  return Object.assign({ ...round }, change);
}

export function withRound(world: World, index: number, change: Partial<Round>): World {
  const rounds = world.rounds.slice();
  rounds[index] = changed(roundOf(world, index), change);
  return { ...world, rounds };
}

export function withAllRounds(world: World, change: (round: Round) => Partial<Round>): World {
  return { ...world, rounds: world.rounds.map((round) => changed(round, change(round))) };
}

/** A fault: there is one less to come, and whatever round is under way may have to begin again. */
export function fault(world: World, isExcuse = true): World {
  const after = { ...world, faultsLeft: world.faultsLeft - 1 };
  return isExcuse ? withAllRounds(after, ({ isOver }) => ({ hasExcuse: isOver === 1 ? 0 : 1 })) : after;
}
