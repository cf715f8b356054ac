import { join, resolve } from 'node:path';
import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { parseCount } from '../../src/cli/optionParsers';
import {
  countSyscalls,
  isStraceInstalled,
  type ProcessProfile,
  type ProfiledLoad,
  profileRoutes,
  type SyscallCounts,
} from './profileRoutes';
import { ROLES } from './RouteProcesses';
import { benchRoutes, loadsOf, type RouteFigures, type RouteRow } from './routes';

// `npx ts-node test/bench/routesMain.ts`: handoff compared with reconnect, for whoever makes either faster.

interface Options {
  readonly quick: boolean;
  readonly json: boolean;
  readonly clients: readonly number[];
  readonly sizes: readonly number[];
  readonly earlyData: 'with' | 'without' | 'both';
  readonly rounds?: number;
  readonly connections: number;
  readonly cpuProf?: string;
  readonly syscalls: boolean;
}

const QUICK_ROUNDS = 9;
const ROUNDS = 21;
const TOP_GROUPS = 14;
const TOP_FUNCTIONS = 22;
/** A system call that is rarer than this is no part of what a connection costs. */
const LEAST_CALLS = 0.01;

/** No colour: what is printed may go to a file. */
const PLAIN = { head: [], border: [] };

function listOf(max: number): (text: string) => number[] {
  const parse = parseCount(max);
  return (text) => text.split(',').map(parse);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function tableOf(rows: readonly RouteRow[]): string {
  const table = new Table({
    style: PLAIN,
    head: ['clients', 'bytes', 'early', '', 'P50 ms', 'P99 ms', 'conn/s', 'CPU ms/conn', ...ROLES],
    colAligns: [
      'right',
      'right',
      'left',
      'left',
      'right',
      'right',
      'right',
      'right',
      ...ROLES.map(() => 'right' as const),
    ],
  });
  const cells = ({
    p50Ms,
    p99Ms,
    connectionsPerSecond,
    cpuMsPerConnection,
    cpuMsByProcess,
  }: RouteFigures): string[] => [
    p50Ms.toFixed(3),
    p99Ms.toFixed(3),
    connectionsPerSecond.toFixed(0),
    cpuMsPerConnection.toFixed(3),
    ...ROLES.map((role) => cpuMsByProcess[role].toFixed(3)),
  ];
  for (const { clients, bytes, earlyData, handoff, reconnect, ratios } of rows) {
    const load = [clients, bytes, earlyData ? 'yes' : 'no'];
    const times = [ratios.p50, ratios.p99, ratios.connectionsPerSecond, ratios.cpu];
    table.push(
      [...load, 'handoff', ...cells(handoff)],
      ['', '', '', 'reconnect', ...cells(reconnect)],
      ['', '', '', 'ratio', ...times.map((value) => `${value.toFixed(2)} ×`), ...ROLES.map(() => '')],
    );
  }
  return table.toString();
}

function profileText({ route, role, busyMicroseconds, groups, functions }: ProcessProfile): string {
  const lines = (entries: ProcessProfile['groups'], count: number): string =>
    entries
      .slice(0, count)
      .map(({ name, microseconds }) => `  ${microseconds.toFixed(1).padStart(7)}  ${name}\n`)
      .join('');
  return (
    `${route}, ${role}: ${busyMicroseconds.toFixed(0)} µs a connection, by whose code it is\n` +
    `${lines(groups, TOP_GROUPS)} by function, self time\n${lines(functions, TOP_FUNCTIONS)}`
  );
}

function syscallText(counts: readonly SyscallCounts[]): string {
  const names = [...new Set(counts.flatMap(({ calls }) => Object.keys(calls)))];
  const total = ({ calls }: SyscallCounts): number =>
    Object.values(calls).reduce((sum, each) => sum + each, 0);
  const table = new Table({
    style: PLAIN,
    head: ['calls a connection', ...counts.map(({ route, role }) => `${route}\n${role}`)],
    colAligns: ['left', ...counts.map(() => 'right' as const)],
  });
  for (const name of names) {
    const row = counts.map(({ calls }) => calls[name] ?? 0);
    if (row.some((calls) => calls >= LEAST_CALLS))
      table.push([name, ...row.map((calls) => calls.toFixed(2))]);
  }
  table.push(['all', ...counts.map((each) => total(each).toFixed(2))]);
  return table.toString();
}

/** Each load by itself: a profile of several would be of none. */
async function lookInside(
  { cpuProf, syscalls, json }: Options,
  loads: readonly ProfiledLoad[],
): Promise<void> {
  for (const load of loads) {
    const { clients, bytes, earlyData } = load;
    const name = `${clients}-clients-${bytes}-bytes${earlyData ? '' : '-no-early-data'}`;
    progress(`${name}…`);
    const profiles = cpuProf === undefined ? [] : await profileRoutes(join(resolve(cpuProf), name), load);
    if (syscalls && !isStraceInstalled()) progress('strace is not installed: system calls are not counted');
    const counts = syscalls && isStraceInstalled() ? await countSyscalls(load) : [];
    if (json) {
      process.stdout.write(`${JSON.stringify({ ...load, profiles, syscalls: counts }, null, 2)}\n`);
      continue;
    }
    process.stdout.write(`\n${name}\n${profiles.map(profileText).join('\n')}`);
    if (counts.length > 0) process.stdout.write(`${syscallText(counts)}\n`);
  }
}

async function main(): Promise<void> {
  const options = new Command('routesMain')
    .option('--quick', `${QUICK_ROUNDS} rounds`, false)
    .option('--json', 'print one JSON array and nothing else', false)
    .option('--clients <list>', 'clients at once', listOf(1_000), [1, 8, 64])
    .option('--sizes <list>', 'bytes of a request', listOf(1_000_000), [64, 16_384])
    .addOption(new Option('--early-data <which>').choices(['with', 'without', 'both']).default('with'))
    .option('--rounds <count>', `measured rounds of each route (${ROUNDS})`, parseCount(10_000))
    .option('--connections <count>', 'connections a round', parseCount(100_000), 200)
    .option(
      '--cpu-prof <dir>',
      'instead of measuring: CPU profiles of all three processes, and where the time goes',
    )
    .option('--syscalls', 'instead of measuring: count system calls with strace', false)
    .parse()
    .opts<Options>();
  const { quick, json, clients, sizes, connections, rounds = quick ? QUICK_ROUNDS : ROUNDS } = options;
  const earlyData = { with: [true], without: [false], both: [true, false] }[options.earlyData];
  const load = { connectionsPerRound: connections, clients, sizes, earlyData };
  if (options.cpuProf !== undefined || options.syscalls) {
    await lookInside(options, loadsOf(load));
    return;
  }
  const rows = await benchRoutes({ ...load, rounds, onProgress: progress });
  process.stdout.write(`${json ? JSON.stringify(rows, null, 2) : tableOf(rows)}\n`);
}

main().catch((error: unknown) => {
  progress(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
