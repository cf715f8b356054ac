import { readdirSync, readFileSync, statSync } from 'node:fs';
import {
  BACKEND_IDENTITY_VARIABLE,
  parseBackendIdentity,
  STATE_DIRECTORY_VARIABLE,
} from '../../protocol/backendIdentity';
import type { AdoptableBackend } from '../options/BrokerOptions';
import { processFacts } from './processStart';

/**
 * The processes of backends that run and were started by brokers with a state directory, as the system knows them: by their
 * user, start time and environment. Empty where that can't be told (only Linux can).
 *
 * @param directory the state directory, without links.
 */
export function startedProcesses(directory: string): AdoptableBackend[] {
  const first = new Map<string, AdoptableBackend & { readonly startTicks: number }>();
  for (const pid of ownProcesses()) {
    const variables = environmentOf(pid);
    if (variables.get(STATE_DIRECTORY_VARIABLE) !== directory) continue;
    const identity = parseBackendIdentity(variables.get(BACKEND_IDENTITY_VARIABLE));
    const facts = processFacts(pid);
    if (identity === undefined || facts?.isSessionLeader !== true || !seesTheSame(pid, directory)) continue;
    const { processStart, startTicks } = facts;
    // Those that a backend starts may have its environment.
    const other = first.get(identity.backend);
    if (other !== undefined && other.startTicks <= startTicks) continue;
    first.set(identity.backend, { ...identity, pid, processStart, startTicks });
  }
  return [...first.values()]
    .sort((a, b) => a.startTicks - b.startTicks)
    .map(({ startTicks: _, ...backend }) => backend);
}

/** Whether a broker started the process as the backend with this id. False where that can't be told (only Linux can). */
export function wasStartedAs(pid: number, backend: string): boolean {
  return parseBackendIdentity(environmentOf(pid).get(BACKEND_IDENTITY_VARIABLE))?.backend === backend;
}

function ownProcesses(): number[] {
  const self = process.geteuid?.();
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === self);
  } catch {
    return [];
  }
}

function environmentOf(pid: number): Map<string, string> {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return new Map(
      entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    );
  } catch {
    return new Map();
  }
}

/** In a container of its own a process may mean another directory by the same path. */
function seesTheSame(pid: number, directory: string): boolean {
  try {
    const ours = statSync(directory);
    const theirs = statSync(`/proc/${pid}/root${directory}`);
    return ours.dev === theirs.dev && ours.ino === theirs.ino;
  } catch {
    return false;
  }
}
