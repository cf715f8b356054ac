import { readFileSync } from 'node:fs';
import { BACKEND_IDENTITY_VARIABLE } from '../wire/backendIdentity';

const START_TIME_FIELD = 22;
// The process's name comes second, in brackets, and may itself hold brackets and spaces.
const FIELDS_IN_FRONT_OF_STATE = 3;

/**
 * When a process started, in a form that no later process with the same id has: the system's boot and the clock ticks since.
 * Undefined if there is no such process, or where that can't be told (only Linux can).
 */
export function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // What is dead has a start too, until its parent has asked for its end.
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    const ticks = fields[START_TIME_FIELD - FIELDS_IN_FRONT_OF_STATE];
    if (ticks === undefined) return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${ticks}`;
  } catch {
    return undefined;
  }
}

/** Whether a broker started the process as the backend with this id. False where that can't be told (only Linux can). */
export function wasStartedAs(pid: number, backend: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .some((entry) => entry.startsWith(`${BACKEND_IDENTITY_VARIABLE}=`) && entry.includes(backend));
  } catch {
    return false;
  }
}
