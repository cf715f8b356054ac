import { setTimeout as sleep } from 'node:timers/promises';
import type { AdoptableBackend } from '../options/BrokerOptions';
import { processStart } from './processStart';
import { wasStartedAs } from './startedProcesses';

const POLL_MS = 20;
// Even after SIGKILL the system needs time to remove a process.
const KILL_TIMEOUT_MS = 2000;

/** Whether the process with this pid has the expected start time; true if that isn't known. */
export function isStartRight({ pid, processStart: expected }: AdoptableBackend): boolean {
  return expected === undefined || processStart(pid) === expected;
}

/** Whether the system proves, by start time and environment, that this is the process that a broker started. */
export function isProved(backend: AdoptableBackend): boolean {
  return (
    backend.processStart !== undefined && isStartRight(backend) && wasStartedAs(backend.pid, backend.backend)
  );
}

/**
 * Ends a process if the system proves its identity.
 *
 * @param graceMs milliseconds from SIGTERM to SIGKILL; 0: SIGKILL at once.
 * @returns whether it was ended (the promise never rejects).
 */
export async function endIfProved(backend: AdoptableBackend, graceMs: number): Promise<boolean> {
  if (!isProved(backend)) return false;
  if (graceMs > 0 && sendSignal(backend.pid, 'SIGTERM') && (await isGone(backend, graceMs))) return true;
  // Its pid may have been reused meanwhile.
  if (isProved(backend)) sendSignal(backend.pid, 'SIGKILL');
  return isGone(backend, KILL_TIMEOUT_MS);
}

/** Sends a signal to a process; false if there is none, or it belongs to another user. */
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
