import { type Curve, chartByClients } from './Chart';
import { benchRoutes, type RouteFigures, type RouteRow } from './routes';
import { section, showCount, showNumber, type Target } from './Section';

const CLIENTS = [1, 8, 64];
const SMALL_BYTES = 64;
const LARGE_BYTES = 16_384;
const CURVE_CLIENTS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const MANY_CLIENTS = 64;
const CONNECTIONS = 200;
const QUICK_CONNECTIONS = 100;
/** All that a quick run has time for, but with small requests. */
const FEW_CLIENTS = [8];

interface RoutesData {
  readonly rows: readonly RouteRow[];
  /** 64-byte requests with early data, by number of clients. Empty in a quick run. */
  readonly byClients: readonly RouteRow[];
  /** The same over Node's own channel, which is all that there is without native code. Empty in a quick run. */
  readonly overNodeIpc: readonly RouteRow[];
}

function loadName({ clients, bytes, earlyData }: RouteRow): string {
  return `${clients === 1 ? '1 client' : `${clients} clients at once`}, ${showCount(bytes)} bytes, ${earlyData ? 'early data' : 'no early data'}`;
}

function curvesOf(rows: readonly RouteRow[], of: (figures: RouteFigures) => number): readonly Curve[] {
  return (['handoff', 'reconnect'] as const).map((route) => ({
    label: route,
    points: rows.map((row) => [row.clients, of(row[route])] as const),
  }));
}

function rowOf(name: string, { handoff, reconnect, ratios }: RouteRow): string[] {
  return [
    name,
    showNumber(handoff.p50Ms),
    showNumber(reconnect.p50Ms),
    `${showNumber(ratios.p50)} ×`,
    showNumber(handoff.p99Ms),
    showNumber(reconnect.p99Ms),
    `${showNumber(ratios.p99)} ×`,
    `${showNumber(ratios.connectionsPerSecond)} ×`,
    `${showNumber(ratios.cpu)} ×`,
  ];
}

/** Both routes with real processes. */
export const routes = section<RoutesData>({
  name: 'routes',
  title: 'Handoff compared with reconnect',
  about:
    'Milliseconds from before the connect to the first byte of the reply. Broker, backend and client are separate processes; ' +
    'the two routes take turns. The ratio is handoff to reconnect.',

  async run({ quick, rounds }) {
    const connectionsPerRound = quick ? QUICK_CONNECTIONS : CONNECTIONS;
    const load = {
      rounds,
      connectionsPerRound,
      onProgress: (text: string) => process.stderr.write(`${text}\n`),
    };
    const few = quick ? FEW_CLIENTS : CLIENTS;
    const [small, large] = [[SMALL_BYTES], [LARGE_BYTES]];
    const rows = [
      ...(await benchRoutes({ ...load, clients: CLIENTS, sizes: small, earlyData: [true] })),
      ...(await benchRoutes({ ...load, clients: few, sizes: large, earlyData: [true] })),
      ...(await benchRoutes({ ...load, clients: few, sizes: small, earlyData: [false] })),
    ];
    const curve = { ...load, clients: CURVE_CLIENTS, sizes: small, earlyData: [true] };
    if (quick) return { rows, byClients: [], overNodeIpc: [] };
    return {
      rows,
      byClients: await benchRoutes(curve),
      overNodeIpc: await benchRoutes({ ...curve, clients: CLIENTS, transport: 'nodeIpc' }),
    };
  },

  table({ rows, overNodeIpc }) {
    return {
      head: [
        '',
        'P50: handoff',
        'reconnect',
        'ratio',
        'P99: handoff',
        'reconnect',
        'ratio',
        'connections/s',
        'CPU',
      ],
      rows: [
        ...rows.map((row) => rowOf(loadName(row), row)),
        ...overNodeIpc.map((row) => rowOf(`${loadName(row)}, over Node’s own channel`, row)),
      ],
    };
  },

  charts({ byClients }) {
    if (byClients.length === 0) return [];
    return [
      chartByClients(
        'latency-by-clients',
        'Median time to the first reply byte, 64-byte requests',
        'ms',
        curvesOf(byClients, ({ p50Ms }) => p50Ms),
      ),
      chartByClients(
        'throughput-by-clients',
        'Connections a second, 64-byte requests',
        'connections/s',
        curvesOf(byClients, ({ connectionsPerSecond }) => connectionsPerSecond),
      ),
    ];
  },

  targets({ rows }) {
    return rows.flatMap((row): Target[] => {
      const { ratios, clients, earlyData } = row;
      const name = `handoff compared with reconnect, ${loadName(row)}`;
      const atMost = (what: string, bound: number, measured: number): Target => ({
        what: `${name}: ${what}`,
        bound: { atMost: bound },
        unit: '×',
        measured,
      });
      if (!earlyData) return [atMost('P50', 1, ratios.p50), atMost('P99', 1, ratios.p99)];
      const targets = [atMost('P50', 0.75, ratios.p50), atMost('P99', 0.9, ratios.p99)];
      if (clients !== MANY_CLIENTS) return targets;
      const measured = ratios.connectionsPerSecond;
      return [
        ...targets,
        { what: `${name}: connections per second`, bound: { atLeast: 1 }, unit: '×', measured },
      ];
    });
  },
});
