import { readFileSync } from 'node:fs';

// As proc(5) counts them. The process's name comes second, in brackets, and may itself hold brackets and spaces.
const STATE_FIELD = 3;
const SESSION_FIELD = 6;
const THREADS_FIELD = 20;
const START_TIME_FIELD = 22;

/** What the system knows of a process. */
export interface ProcessFacts {
  /**
   * When it started, in a form that no later process with the same id has: the system's boot and the clock ticks since.
   */
  readonly processStart: string;
  /** Clock ticks from the system's boot to its start. */
  readonly startTicks: number;
  /** Whether it began a session, as the processes that a broker starts do, and most that they start don't. */
  readonly isSessionLeader: boolean;
}

/** Undefined if there is no such process, or where that can't be told (only Linux can). */
export function processFacts(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): string => fields[number - STATE_FIELD] ?? '';
    // What is dead has a start too, until its parent has asked for its end. While other threads than the first are still
    // ending, sockets are open, though the state is that of a dead process.
    const isEnding = Number(field(THREADS_FIELD)) > 1;
    if (!isEnding && ['Z', 'X', ''].includes(field(STATE_FIELD))) return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const ticks = field(START_TIME_FIELD);
    return {
      processStart: `${boot}/${ticks}`,
      startTicks: Number(ticks),
      isSessionLeader: Number(field(SESSION_FIELD)) === pid,
    };
  } catch {
    return undefined;
  }
}

/** {@link ProcessFacts.processStart} of a process. */
export function processStart(pid: number): string | undefined {
  return processFacts(pid)?.processStart;
}
