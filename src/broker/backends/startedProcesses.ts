import { readdirSync, readFileSync, statSync } from 'node:fs';
import {
  BACKEND_IDENTITY_VARIABLE,
  parseBackendIdentity,
  STATE_DIRECTORY_VARIABLE,
} from '../../protocol/backendIdentity';
import type { AdoptableBackend } from '../options/BrokerOptions';
import { processFacts } from './processStart';

/**
 * The running backend processes that brokers with this state directory started, oldest first. Found in /proc by user and
 * environment; empty if the system isn't Linux.
 *
 * @param directory the state directory with links resolved.
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
    // A backend's children may have inherited its environment; the backend is the oldest.
    const other = first.get(identity.backend);
    if (other !== undefined && other.startTicks <= startTicks) continue;
    first.set(identity.backend, { ...identity, pid, processStart, startTicks });
  }
  return [...first.values()]
    .sort((a, b) => a.startTicks - b.startTicks)
    .map(({ startTicks: _, ...backend }) => backend);
}

/** Whether a broker started the process as the backend with this id; false if the system isn't Linux. */
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

/** Whether the path is the same directory for that process; in a container it may not be. */
function seesTheSame(pid: number, directory: string): boolean {
  try {
    const ours = statSync(directory);
    const theirs = statSync(`/proc/${pid}/root${directory}`);
    return ours.dev === theirs.dev && ours.ino === theirs.ino;
  } catch {
    return false;
  }
}
