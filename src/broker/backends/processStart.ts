import { readFileSync } from 'node:fs';

// Field numbers of proc(5). The second field, the name in brackets, may itself contain brackets and spaces.
const STATE_FIELD = 3;
const SESSION_FIELD = 6;
const THREADS_FIELD = 20;
const START_TIME_FIELD = 22;

/** What the system knows of a process. */
export interface ProcessFacts {
  /**
   * Identifies the start, so that a later process with the same pid has another value: boot id and clock ticks since boot.
   */
  readonly processStart: string;
  /** Clock ticks from boot to the process's start. */
  readonly startTicks: number;
  /** Whether it leads a session, as processes started by a broker do and most of their children don't. */
  readonly isSessionLeader: boolean;
}

/** Reads a process's facts; undefined if there is no such process, or the system isn't Linux. */
export function processFacts(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): string => fields[number - STATE_FIELD] ?? '';
    // A zombie still has a start time. If it has more than one thread, the others are still ending and hold its sockets: it
    // counts as running.
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
