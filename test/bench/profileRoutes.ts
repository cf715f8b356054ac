import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ROLES, RouteProcesses } from './RouteProcesses';
import type { ProcessRole, RoundOrder } from './routeProcesses/control';

/** A load without its route: both routes are profiled, one after the other. */
export type ProfiledLoad = Omit<RoundOrder, 'route'>;

const ROUTES = ['handedOff', 'reconnected'] as const satisfies readonly RoundOrder['route'][];
const MODULE_LOADING = /^node:internal\/(modules|bootstrap|main|process)|^node:(vm|fs|path)$/;

/**
 * Where a process's time went, in microseconds a connection. Node's profiler looks at the clock, not at the processor: a
 * write that wakes another process is charged with the time for which that one takes the processor away.
 */
export interface ProcessProfile {
  readonly route: RoundOrder['route'];
  readonly role: ProcessRole;
  /** Without what was waited. */
  readonly busyMicroseconds: number;
  readonly groups: readonly ProfileEntry[];
  readonly functions: readonly ProfileEntry[];
}

export interface ProfileEntry {
  readonly name: string;
  readonly microseconds: number;
}

/** Calls a connection, with those of threads. */
export interface SyscallCounts {
  readonly route: RoundOrder['route'];
  readonly role: ProcessRole;
  readonly calls: Readonly<Record<string, number>>;
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

type CallFrame = CpuProfile['nodes'][number]['callFrame'];

/** Whose the code is: the package's by its directory, Node's by the part of its library. */
function groupOf({ functionName, url }: CallFrame): string {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(program)') return 'native code with no script under it (event loop, reads, accepts)';
  if (url === '') return 'native functions called from scripts (writes, connects, closes)';
  if (MODULE_LOADING.test(url)) return 'start-up';
  if (url.startsWith('node:')) return url;
  if (url.includes('/routeProcesses/')) return "the bench's own";
  const dependency = /\/node_modules\/([^/]+)/.exec(url)?.[1];
  if (dependency !== undefined) return `dependency: ${dependency}`;
  return `the package: ${/\/dist\/((?:src\/)?[^/]+)/.exec(url)?.[1] ?? basename(url)}`;
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const place = url.startsWith('node:') ? url : basename(url);
  return `${functionName === '' ? '(anonymous)' : functionName}${place === '' ? '' : ` ${place}:${lineNumber + 1}`}`;
}

function descending(sums: ReadonlyMap<string, number>, connections: number): ProfileEntry[] {
  return [...sums]
    .map(([name, total]) => ({ name, microseconds: total / connections }))
    .sort((a, b) => b.microseconds - a.microseconds);
}

function readProfile(path: string, connections: number): Omit<ProcessProfile, 'route' | 'role'> {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(path, 'utf8')) as CpuProfile;
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const groups = new Map<string, number>();
  const functions = new Map<string, number>();
  let busy = 0;
  samples.forEach((id, index) => {
    const frame = frames.get(id);
    // A sample lasts until the next one.
    const microseconds = timeDeltas[index + 1] ?? 0;
    if (frame === undefined || frame.functionName === '(idle)' || frame.functionName === '(root)') return;
    busy += microseconds;
    const add = (sums: Map<string, number>, name: string): void => {
      sums.set(name, (sums.get(name) ?? 0) + microseconds);
    };
    add(groups, groupOf(frame));
    add(functions, nameOf(frame));
  });
  return {
    busyMicroseconds: busy / connections,
    groups: descending(groups, connections),
    functions: descending(functions, connections),
  };
}

/**
 * Runs each route with processes of its own under Node's `--cpu-prof`, and leaves `ROUTE/ROLE.cpuprofile` in the directory.
 *
 * @throws Error as `benchRoutes`
 */
export async function profileRoutes(directory: string, load: ProfiledLoad): Promise<ProcessProfile[]> {
  const profiles: ProcessProfile[] = [];
  for (const route of ROUTES) {
    const processes = await RouteProcesses.start({ cpuProfiles: join(directory, route) });
    try {
      await processes.run({ ...load, route });
    } finally {
      // Profiles are written at a process's end.
      await processes.stop();
    }
    for (const role of ROLES) {
      const profile = readProfile(join(directory, route, `${role}.cpuprofile`), load.connections);
      profiles.push({ route, role, ...profile });
    }
  }
  return profiles;
}

export function isStraceInstalled(): boolean {
  return spawnSync('strace', ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * Counts each route's system calls with strace, which slows the processes down: no time of these rounds means anything.
 *
 * @throws Error as `benchRoutes`, or strace may not look at the processes
 */
export async function countSyscalls(load: ProfiledLoad): Promise<SyscallCounts[]> {
  const directory = mkdtempSync(join(tmpdir(), 'handoff-strace-'));
  try {
    const processes = await RouteProcesses.start();
    try {
      const counts: SyscallCounts[] = [];
      for (const route of ROUTES) {
        // What is done only once is not what a connection costs.
        await processes.run({ ...load, route });
        const traces = await Promise.all(
          ROLES.map((role) => Trace.attach(processes.pidOf(role), join(directory, role))),
        );
        try {
          await processes.run({ ...load, route });
        } finally {
          await Promise.all(traces.map((trace) => trace.detach()));
        }
        for (const role of ROLES) {
          counts.push({ route, role, calls: readCounts(join(directory, role), load.connections) });
        }
      }
      return counts;
    } finally {
      await processes.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

class Trace {
  readonly #strace: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(strace: ChildProcess) {
    this.#strace = strace;
    this.#exited = once(strace, 'exit');
  }

  static async attach(pid: number, output: string): Promise<Trace> {
    const strace = spawn('strace', ['-f', '-c', '-U', 'calls,name', '-o', output, '-p', String(pid)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const trace = new Trace(strace);
    // It says so when it's attached, and why it isn't when it ends.
    let said = '';
    const attached = new Promise<void>((resolve, reject) => {
      strace.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (/ attached/.test(said)) resolve();
      });
      void trace.#exited.then(() => reject(new Error(`strace did not attach: ${said.trim()}`)));
    });
    await attached;
    return trace;
  }

  /** It writes its counts and lets the process go on. */
  async detach(): Promise<void> {
    this.#strace.kill('SIGINT');
    await this.#exited;
  }
}

function readCounts(path: string, connections: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [, calls, name] of readFileSync(path, 'utf8').matchAll(/^\s*(\d+)\s+(\w+)\s*$/gm)) {
    if (name !== undefined && name !== 'total') counts[name] = Number(calls) / connections;
  }
  return counts;
}
