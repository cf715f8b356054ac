import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { type Broker, recordBrokerMetrics } from '../../broker';
import { listenOnPath } from '../../broker/listenOnPath';
import { whyRefused } from '../../inspect/checkRequest';

const HOST = '127.0.0.1';

/** Where metrics are served: a TCP port on 127.0.0.1 (0: any free one), or the path of a Unix-domain socket. */
export type MetricsAddress = { readonly port: number } | { readonly socketPath: string };

/** A running endpoint. */
export interface MetricsEndpoint {
  /** `http://127.0.0.1:PORT/metrics`, or the socket's path. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Serves a broker's metrics at `/metrics`, in Prometheus' text format.
 * @throws Error the port is taken, or the socket can't be listened on
 */
export async function serveMetrics(broker: Broker, address: MetricsAddress): Promise<MetricsEndpoint> {
  // Only asked: it must not listen by itself, since it knows no Unix-domain sockets.
  const exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutScopeInfo: true,
    withoutTargetInfo: true,
  });
  const meterProvider = new MeterProvider({ readers: [exporter] });
  const stopRecording = recordBrokerMetrics(broker, { meterProvider });
  const server = createServer((request, response) => {
    // Whoever can open the socket may read; a port, a page of another site could open too.
    if ('port' in address && whyRefused(request.headers, []) !== undefined) response.writeHead(403).end();
    else if (request.url?.split('?')[0] !== '/metrics') response.writeHead(404).end();
    else if (request.method !== 'GET') response.writeHead(405).end();
    else exporter.getMetricsRequestHandler(request, response);
  });
  const close = async (): Promise<void> => {
    stopRecording();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    await meterProvider.shutdown();
  };
  try {
    return { address: await listen(server, address), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listen(server: Server, address: MetricsAddress): Promise<string> {
  if ('socketPath' in address) {
    await listenOnPath(server, address.socketPath);
    return address.socketPath;
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, HOST, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return `http://${HOST}:${(server.address() as AddressInfo).port}/metrics`;
}
