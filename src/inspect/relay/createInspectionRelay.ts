import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HandoffController } from '../../controller/HandoffController';
import { atMostEvery } from '../../ports/atMostEvery';
import { whyRefused } from '../../ports/checkRequest';
import { createBoundedServer, shareOfDescriptors } from '../../ports/createBoundedServer';
import { LOOPBACK, listenOnPort } from '../../ports/listenOnPort';
import type { RoutesMessage } from '../messages/InspectionMessage';
import type { LeftOut } from '../messages/LeftOut';
import { checkRelayOptions, checkReport, checkSource } from './checkRelayOptions';
import { controllerSource } from './controllerSource';
import { InspectionHub } from './InspectionHub';
import type { InspectionRelayOptions } from './InspectionRelayOptions';
import type { InspectionSource } from './InspectionSource';
import { ObservedSource } from './ObservedSource';
import { serveSockets } from './serveSockets';
import { STATELY_BRIDGE_SCRIPT, STATELY_BRIDGE_STYLE, statelyBridgePage } from './statelyBridgePage';
import { ViewerFiles } from './ViewerFiles';

/** Most WebSocket connections at a time, viewers and senders together; as many others are let in beside them. */
const MAX_PEERS = 64;
/** Fewer where descriptors are few. */
const MIN_PEERS = 4;
const PART_OF_DESCRIPTORS = 1 / 16;

/** How often it's told what was left out. */
const TELL_LEFT_OUT_MS = 10_000;

/** A running relay. */
export interface InspectionRelay {
  /** Where the viewer is: `http://127.0.0.1:PORT/`. With `ws:`, where clients of `@statelyai/inspect` connect. */
  readonly url: string;
  /** Where the framed hosted inspector is; undefined without the option `stately`. */
  readonly statelyInspectorUrl: string | undefined;
  /**
   * Shows the actors of a controller, or of anything else with XState's inspection observer. It is observed only while
   * somebody watches.
   * @returns ends that
   * @throws TypeError it's neither
   */
  attach(source: HandoffController | InspectionSource): () => void;
  /**
   * Shows how clients got to backends lately; the last 180 reports are kept for newcomers.
   * @throws TypeError or RangeError a field is bad or isn't known
   */
  reportRoutes(report: Omit<RoutesMessage, 'type'>): void;
  /** What was left out and who was turned away since the relay's start, by reason. */
  leftOut(): LeftOut;
  /** Open connections to the port: of viewers, senders, and whoever asks for the page. */
  connections(): number;
  /** Disconnects everybody and frees the port. */
  close(): Promise<void>;
}

/**
 * Serves the viewer page, and brings it what happens to actors. Listens on 127.0.0.1 alone, and refuses requests that
 * a page of another site could make. Everybody on this host may watch.
 *
 * Keeps the process alive until it's closed.
 * @throws TypeError or RangeError an option is bad or isn't known; Error with code `EADDRINUSE` the port is
 *   taken, or with another one of the system's (the promise rejects)
 */
export async function createInspectionRelay(options: InspectionRelayOptions = {}): Promise<InspectionRelay> {
  const { controller, port, allowedOrigins, inspector, onLeftOut } = checkRelayOptions(options);
  const tellLeftOut = atMostEvery(TELL_LEFT_OUT_MS, () => onLeftOut?.(hub.leftOut));
  const hub = new InspectionHub(tellLeftOut);
  const maxPeers = shareOfDescriptors(PART_OF_DESCRIPTORS, MIN_PEERS, MAX_PEERS);
  const bounded = createBoundedServer({
    maxConnections: 2 * maxPeers,
    onTurnedAway: () => hub.leaveOut('connections'),
    onRequest: (request, response) => {
      const refused = whyRefused(request.headers, allowedOrigins);
      if (refused) reply(response, 403, `Refused: ${refused}`);
      else void respond(request, response, files, inspector);
    },
  });
  const files = new ViewerFiles();
  const disconnect = serveSockets({ bounded, hub, allowedOrigins, maxPeers });
  const url = `http://${LOOPBACK}:${await listenOnPort(bounded.server, port)}/`;

  const attach = (source: HandoffController | InspectionSource) => {
    checkSource('source', source);
    const observed = new ObservedSource('backendOf' in source ? controllerSource(source) : source, hub);
    hub.addSource(observed);
    return () => hub.removeSource(observed);
  };
  if (controller) attach(controller);
  return {
    url,
    statelyInspectorUrl: inspector && new URL('stately', url).href,
    attach,
    reportRoutes: (report) => hub.report({ ...checkReport(report), type: '@handoff.routes' }),
    leftOut: () => hub.leftOut,
    connections: () => bounded.connections,
    close: () => {
      disconnect();
      return bounded.close();
    },
  };
}

async function respond(
  { method, url = '/' }: IncomingMessage,
  response: ServerResponse,
  files: ViewerFiles,
  inspector: URL | undefined,
): Promise<void> {
  const [path = '/'] = url.split('?');
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return reply(response, 405, 'Only GET and HEAD');
  }
  if (inspector) {
    const policy = `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src ${inspector.origin}`;
    if (path === '/stately') return reply(response, 200, statelyBridgePage(inspector), 'text/html', policy);
    if (path === '/stately.css') return reply(response, 200, STATELY_BRIDGE_STYLE, 'text/css');
    if (path === '/stately.js') return reply(response, 200, STATELY_BRIDGE_SCRIPT, 'text/javascript');
  }
  try {
    const file = await files.at(path);
    if (file) return reply(response, 200, file.content, file.type);
    return reply(response, 404, 'Not found');
  } catch {
    return reply(response, 503, 'The viewer is not built: run `npm run build`.');
  }
}

/** Nothing from elsewhere, nothing inline; only pages of this host may frame the viewer. */
const VIEWER_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  'frame-ancestors http://127.0.0.1:* http://localhost:*',
].join('; ');

function reply(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  type = 'text/plain; charset=utf-8',
  policy = VIEWER_POLICY,
): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-cache',
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
