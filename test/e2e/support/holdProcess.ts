import { readFileSync } from 'node:fs';
import { signal } from './TestBrokers';

const STATE = /^\d+ \(.*\) (.)/s;

/**
 * Blocks until a process is stopped.
 *
 * @throws {Error} it has ended.
 */
function blockUntilStopped(pid: number): void {
  for (;;) {
    const [, state] = STATE.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    if (state === 'T') return;
    if (state === 'Z' || state === 'X') throw new Error(`process ${pid} has ended`);
  }
}

/** Stops a process, until it gets SIGCONT. What it is sent meanwhile waits. */
export function holdProcess(pid: number): void {
  signal(pid, 'SIGSTOP');
  blockUntilStopped(pid);
}
