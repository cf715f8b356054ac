import { type MeasuredRound, ROLES, RouteProcesses, type RouteTransport } from './RouteProcesses';
import type { ProcessRole, RoundOrder } from './routeProcesses/control';

const WARM_UP_ROUNDS = 2;
/** Until the compilers of all three processes are done with both routes. */
const WARM_UP_CONNECTIONS = 1_000;
const MIN_CONNECTIONS_PER_CLIENT = 8;

/** How one route did, over all measured rounds. */
export interface RouteFigures {
  /** From before the connect to the broker's socket to the first byte of the reply. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly connectionsPerSecond: number;
  /** User and system time of broker, backend and client process together. */
  readonly cpuMsPerConnection: number;
  /** The same by process. */
  readonly cpuMsByProcess: Readonly<Record<ProcessRole, number>>;
}

/** Both routes under one load; each ratio is handoff's figure to reconnect's. */
export interface RouteRow {
  readonly clients: number;
  readonly bytes: number;
  readonly earlyData: boolean;
  readonly handoff: RouteFigures;
  readonly reconnect: RouteFigures;
  readonly ratios: {
    readonly p50: number;
    readonly p99: number;
    readonly connectionsPerSecond: number;
    readonly cpu: number;
  };
}

export interface RouteBenchOptions {
  /** Measured rounds of each route; those to warm up come on top. */
  readonly rounds: number;
  /** At least 8 for each client, whatever is said here. */
  readonly connectionsPerRound: number;
  /** How many clients are at work at once. */
  readonly clients: readonly number[];
  /** Bytes of a request, from 4. */
  readonly sizes: readonly number[];
  readonly earlyData: readonly boolean[];
  readonly transport?: RouteTransport;
  readonly onProgress?: (text: string) => void;
}

type Load = Omit<RoundOrder, 'route'>;

/** The value below which a share of the values lies. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function figuresOf(rounds: readonly MeasuredRound[]): RouteFigures {
  const latencies = rounds.flatMap(({ latenciesMs }) => latenciesMs);
  const sum = (of: (round: MeasuredRound) => number): number =>
    rounds.reduce((total, round) => total + of(round), 0);
  const cpuMsOf = (role: ProcessRole): number => sum(({ cpuMs }) => cpuMs[role]) / latencies.length;
  const cpuMsByProcess = {
    broker: cpuMsOf('broker'),
    backend: cpuMsOf('backend'),
    clients: cpuMsOf('clients'),
  };
  return {
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    connectionsPerSecond: (latencies.length / sum(({ elapsedMs }) => elapsedMs)) * 1_000,
    cpuMsPerConnection: ROLES.reduce((total, role) => total + cpuMsByProcess[role], 0),
    cpuMsByProcess,
  };
}

/**
 * Alternates the routes, each round the other one first, over the same processes. A machine that is slow for a while is
 * slow for both, and what one route leaves to be collected falls on both.
 */
async function measureLoad(processes: RouteProcesses, load: Load, rounds: number): Promise<RouteRow> {
  const handoffs: MeasuredRound[] = [];
  const reconnects: MeasuredRound[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const order =
      round % 2 === 0 ? (['handedOff', 'reconnected'] as const) : (['reconnected', 'handedOff'] as const);
    for (const route of order) {
      const measured = await processes.run({ ...load, route });
      if (round >= 0) (route === 'handedOff' ? handoffs : reconnects).push(measured);
    }
  }
  const handoff = figuresOf(handoffs);
  const reconnect = figuresOf(reconnects);
  /** A round is compared with its neighbour only: the median over the pairs leaves out what befell one of them. */
  const medianRatio = (of: (figures: RouteFigures) => number): number =>
    quantile(
      handoffs.map((one, index) => {
        const other = reconnects[index];
        return other === undefined ? Number.NaN : of(figuresOf([one])) / of(figuresOf([other]));
      }),
      0.5,
    );
  const { clients, bytes, earlyData } = load;
  return {
    clients,
    bytes,
    earlyData,
    handoff,
    reconnect,
    ratios: {
      p50: medianRatio(({ p50Ms }) => p50Ms),
      // Few connections of one round are that slow.
      p99: handoff.p99Ms / reconnect.p99Ms,
      connectionsPerSecond: medianRatio(({ connectionsPerSecond }) => connectionsPerSecond),
      cpu: medianRatio(({ cpuMsPerConnection }) => cpuMsPerConnection),
    },
  };
}

/** Every combination of the options, in the order of the rows. */
export function loadsOf({
  clients,
  sizes,
  earlyData,
  connectionsPerRound,
}: Omit<RouteBenchOptions, 'rounds' | 'onProgress'>): Load[] {
  return earlyData.flatMap((early) =>
    sizes.flatMap((bytes) =>
      clients.map((count) => ({
        clients: count,
        bytes,
        earlyData: early,
        connections: Math.max(connectionsPerRound, MIN_CONNECTIONS_PER_CLIENT * count),
      })),
    ),
  );
}

/**
 * Handoff beside reconnect, with a broker, a backend and a client process of their own. A client reconnects because it
 * says in its `hello` that it can't be handed over: the broker answers at once, and no failed handoff came before.
 *
 * @throws Error a process could not be started, or a connection went another route than it was meant to
 */
export async function benchRoutes(options: RouteBenchOptions): Promise<RouteRow[]> {
  const { rounds, transport, onProgress } = options;
  onProgress?.('starting the processes…');
  const processes = await RouteProcesses.start(transport === undefined ? {} : { transport });
  try {
    for (const route of ['handedOff', 'reconnected'] as const) {
      const connections = WARM_UP_CONNECTIONS;
      await processes.run({ clients: 8, bytes: 64, earlyData: true, connections, route });
    }
    const rows: RouteRow[] = [];
    for (const load of loadsOf(options)) {
      const { clients, bytes, earlyData } = load;
      onProgress?.(`${clients} clients, ${bytes} bytes${earlyData ? ', early data' : ''}…`);
      rows.push(await measureLoad(processes, load, rounds));
    }
    return rows;
  } finally {
    await processes.stop();
  }
}
