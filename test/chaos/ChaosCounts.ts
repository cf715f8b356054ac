/** What a run found. */
export interface ChaosCounts {
  connections: number;
  clientErrors: number;
  bytesLost: number;
  bytesDuplicated: number;
  repliesDuplicated: number;
  leakedFds: number;
  leftoverProcesses: number;
  /** Backends whose chart isn't what the log of events says. */
  wrongCharts: number;
  /** Longest time from the end of a process to the first answer to a request that began after it. */
  maxRecoveryMs: number;
  /** Requests that a backend had, or may have had, when the run killed it. */
  requestsCutByDeath: number;
  /** Clients that gave up while no backend of their service was there. */
  clientsUnserved: number;
}

const MUST_BE_ZERO = [
  'clientErrors',
  'bytesLost',
  'bytesDuplicated',
  'repliesDuplicated',
  'leakedFds',
  'leftoverProcesses',
  'wrongCharts',
] as const;

export function hasFailed(counts: ChaosCounts): boolean {
  return counts.connections === 0 || MUST_BE_ZERO.some((name) => counts[name] !== 0);
}
