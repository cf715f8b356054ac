import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { parseCount } from '../../src/cli/optionParsers';
import { benchRoutes, type RouteFigures, type RouteRow } from './routes';

// `npx ts-node test/bench/routesMain.ts`: handoff beside reconnect, for whoever makes either faster.

interface Options {
  readonly quick: boolean;
  readonly json: boolean;
  readonly clients: readonly number[];
  readonly sizes: readonly number[];
  readonly earlyData: 'with' | 'without' | 'both';
  readonly rounds?: number;
  readonly connections: number;
}

const QUICK_ROUNDS = 9;
const ROUNDS = 21;

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
    head: ['clients', 'bytes', 'early', '', 'P50 ms', 'P99 ms', 'conn/s', 'CPU ms/conn'],
    colAligns: ['right', 'right', 'left', 'left', 'right', 'right', 'right', 'right'],
  });
  const cells = ({ p50Ms, p99Ms, connectionsPerSecond, cpuMsPerConnection }: RouteFigures): string[] => [
    p50Ms.toFixed(3),
    p99Ms.toFixed(3),
    connectionsPerSecond.toFixed(0),
    cpuMsPerConnection.toFixed(3),
  ];
  for (const { clients, bytes, earlyData, handoff, reconnect, ratios } of rows) {
    const load = [clients, bytes, earlyData ? 'yes' : 'no'];
    const times = [ratios.p50, ratios.p99, ratios.connectionsPerSecond, ratios.cpu];
    table.push(
      [...load, 'handoff', ...cells(handoff)],
      ['', '', '', 'reconnect', ...cells(reconnect)],
      ['', '', '', 'ratio', ...times.map((value) => `${value.toFixed(2)} ×`)],
    );
  }
  return table.toString();
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
    .parse()
    .opts<Options>();
  const { quick, json, clients, sizes, connections, rounds = quick ? QUICK_ROUNDS : ROUNDS } = options;
  const earlyData = { with: [true], without: [false], both: [true, false] }[options.earlyData];
  const rows = await benchRoutes({
    rounds,
    connectionsPerRound: connections,
    clients,
    sizes,
    earlyData,
    onProgress: progress,
  });
  process.stdout.write(`${json ? JSON.stringify(rows, null, 2) : tableOf(rows)}\n`);
}

main().catch((error: unknown) => {
  progress(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
