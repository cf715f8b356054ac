import { setTimeout as sleep } from 'node:timers/promises';
import type { AdoptableBackend } from '../options/BrokerOptions';
import { processStart } from './processStart';
import { wasStartedAs } from './startedProcesses';

const POLL_MS = 20;
// A process that is killed is gone when the system has cleaned up after it.
const KILL_TIMEOUT_MS = 2000;

/** Whether the process with this id is still the one that is meant, as far as that can be told. */
export function isStartRight({ pid, processStart: expected }: AdoptableBackend): boolean {
  return expected === undefined || processStart(pid) === expected;
}

/** Whether the system knows for sure that a process is the one that a broker started. */
export function isProved(backend: AdoptableBackend): boolean {
  return (
    backend.processStart !== undefined && isStartRight(backend) && wasStartedAs(backend.pid, backend.backend)
  );
}

/**
 * Ends a process that can't be asked who it is, if the system knows that for sure.
 *
 * @param graceMs milliseconds from SIGTERM to SIGKILL; 0: SIGKILL at once.
 * @returns whether it was ended (the promise never rejects).
 */
export async function endIfProved(backend: AdoptableBackend, graceMs: number): Promise<boolean> {
  if (!isProved(backend)) return false;
  if (graceMs > 0 && sendSignal(backend.pid, 'SIGTERM') && (await isGone(backend, graceMs))) return true;
  // Its id may be another process's by now.
  if (isProved(backend)) sendSignal(backend.pid, 'SIGKILL');
  return isGone(backend, KILL_TIMEOUT_MS);
}

/** Sends a signal to a process; false if there is none, or it's somebody else's. */
export function sendSignal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

async function isGone(backend: AdoptableBackend, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (isStartRight(backend)) {
    if (performance.now() >= end) return false;
    await sleep(POLL_MS);
  }
  return true;
}
