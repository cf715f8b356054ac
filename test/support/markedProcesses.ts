import { readdirSync, readFileSync } from 'node:fs';

/** A process that was started with a certain environment. */
export interface MarkedProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * The processes that were started with this value of an environment variable, or with one that begins so. Only Linux can
 * tell: elsewhere none.
 */
export function processesWith(variable: string, value: string): MarkedProcess[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        // That of a zombie is empty.
        if (!`\0${readFileSync(`/proc/${name}/environ`, 'latin1')}`.includes(`\0${variable}=${value}`))
          return [];
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return [{ pid: Number(name), command }];
      } catch {
        // It has gone, or is somebody else's.
        return [];
      }
    });
}

/** Ends them without a word. */
export function endProcesses(variable: string, value: string): void {
  for (const { pid } of processesWith(variable, value)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has gone in the meantime.
    }
  }
}
