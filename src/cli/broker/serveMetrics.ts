import type { IncomingMessage, ServerResponse } from 'node:http';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { type Broker, recordBrokerMetrics } from '../../broker';
import { checkSocketPlace } from '../../broker/backends/checkStartable';
import { listenOnPath } from '../../broker/files/listenOnPath';
import { messageOf } from '../../errors/showValue';
import { atMostEvery } from '../../ports/atMostEvery';
import { whyRefused } from '../../ports/checkRequest';
import { type BoundedServer, createBoundedServer, shareOfDescriptors } from '../../ports/createBoundedServer';
import { LOOPBACK, listenOnPort } from '../../ports/listenOnPort';

/** Most open connections; a scraper needs one. */
const MAX_CONNECTIONS = 32;
/** The bound is lower where the limit of descriptors is low. */
const MIN_CONNECTIONS = 4;
const PART_OF_DESCRIPTORS = 1 / 32;

/** Raises the SDK's limit of 2,000, above which it merges series. The configuration bounds their real number. */
const MAX_SERIES = 1_000_000;

const TELL_TURNED_AWAY_MS = 10_000;

/** Where metrics are served: a TCP port on 127.0.0.1 (0: any free one), or the path of a Unix-domain socket. */
export type MetricsAddress = { readonly port: number } | { readonly socketPath: string };

/** Options of {@link serveMetrics}. */
export interface MetricsOptions {
  /**
   * Called with the number of connections closed to make room since the start: at the first one, then at most every 10
   * seconds.
   */
  readonly onTurnedAway: (connections: number) => void;
}

/** Serves metrics, at one address at a time. */
export interface MetricsEndpoint {
  /** `http://127.0.0.1:PORT/metrics`, or the socket's path; undefined while nothing is served. */
  readonly address: string | undefined;
  /**
   * Moves to another address, or to none, if `change` succeeds. Listens on the new address before `change`, and on the old one
   * until after it.
   * @throws {Error} can't listen on the address, or `change` failed (the promise rejects); the old address stays
   */
  move<T>(to: MetricsAddress | undefined, change: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

interface Listening {
  readonly server: BoundedServer;
  readonly address: string;
}

/** Serves a broker's metrics at `/metrics` in Prometheus' text format. Has no address until the first `move`. */
export function serveMetrics(broker: Broker, { onTurnedAway }: MetricsOptions): MetricsEndpoint {
  // Used only to collect: its own server has no Unix-domain sockets and no bounds.
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  const meterProvider = new MeterProvider({
    readers: [exporter],
    views: [{ instrumentName: '*', aggregationCardinalityLimit: MAX_SERIES }],
  });
  const stopRecording = recordBrokerMetrics(broker, { meterProvider });
  let turnedAway = 0;
  const tellTurnedAway = atMostEvery(TELL_TURNED_AWAY_MS, () => onTurnedAway(turnedAway));
  let collecting: Promise<string> | undefined;
  // Concurrent requests share one collection.
  const collect = (): Promise<string> => {
    collecting ??= exporter
      .collect()
      .then(({ resourceMetrics }) => serializer.serialize(resourceMetrics))
      .finally(() => {
        collecting = undefined;
      });
    return collecting;
  };
  const listen = async (to: MetricsAddress): Promise<Listening> => {
    // A socket's permissions protect it. A port can be reached by web pages of other sites, so check the headers.
    const isPort = 'port' in to;
    const server = createBoundedServer({
      maxConnections: shareOfDescriptors(PART_OF_DESCRIPTORS, MIN_CONNECTIONS, MAX_CONNECTIONS),
      onTurnedAway: () => {
        turnedAway += 1;
        tellTurnedAway();
      },
      onRequest: (request, response) => {
        if (isPort && whyRefused(request.headers, []) !== undefined) reply(response, 403, 'Refused');
        else void respond(request, response, collect);
      },
    });
    return { server, address: await listenAt(server, to) };
  };
  let present: Listening | undefined;
  return {
    get address() {
      return present?.address;
    },
    async move(to, change) {
      const next = to && (await listen(to));
      try {
        const changed = await change();
        void present?.server.close();
        present = next;
        return changed;
      } catch (error) {
        await next?.server.close();
        throw error;
      }
    },
    async close() {
      stopRecording();
      await present?.server.close();
      await meterProvider.shutdown();
    },
  };
}

async function listenAt({ server }: BoundedServer, to: MetricsAddress): Promise<string> {
  if ('socketPath' in to) {
    checkSocketPlace(to.socketPath);
    await listenOnPath(server, to.socketPath);
    return to.socketPath;
  }
  return `http://${LOOPBACK}:${await listenOnPort(server, to.port)}/metrics`;
}

async function respond(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  collect: () => Promise<string>,
): Promise<void> {
  if (url?.split('?')[0] !== '/metrics') return reply(response, 404, 'There is only /metrics');
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return reply(response, 405, 'Only GET and HEAD');
  }
  try {
    reply(response, 200, await collect());
  } catch (error) {
    reply(response, 500, `The metrics can't be collected: ${messageOf(error)}`);
  }
}

function reply(response: ServerResponse, status: number, body: string): void {
  // The client may have left during the collection.
  if (response.destroyed) return;
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
