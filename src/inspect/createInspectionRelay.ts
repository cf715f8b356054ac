import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { HandoffController } from '../controller/HandoffController';
import { outOfRange } from '../errors/invalidArgument';
import { whyRefused } from './checkRequest';
import { controllerSource } from './controllerSource';
import { InspectionHub } from './InspectionHub';
import { BATCHED_QUERY, type RoutesMessage } from './InspectionMessage';
import type { InspectionSource } from './InspectionSource';
import { ObservedSource } from './ObservedSource';
import { SenderPeer } from './SenderPeer';
import { STATELY_BRIDGE_SCRIPT, STATELY_BRIDGE_STYLE, statelyBridgePage } from './statelyBridgePage';
import { ViewerFiles } from './ViewerFiles';
import { ViewerPeer } from './ViewerPeer';

const HOST = '127.0.0.1';
const STATELY_INSPECTOR = 'https://stately.ai/inspect';

/** WebSocket connections at a time, viewers and senders together. */
const MAX_PEERS = 64;

/** One message of a sender. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** A peer's first message, or a close with this code, tells it what it did wrong. */
const CLOSE = { badMessage: 1008, tooMuch: 1009, shutdown: 1001, tooManyPeers: 1013 } as const;

export interface InspectionRelayOptions {
  /** Attached from the start. */
  readonly controller?: HandoffController | undefined;
  /**
   * The TCP port, on 127.0.0.1.
   * @default 0: any free one
   */
  readonly port?: number | undefined;
  /**
   * Other origins whose pages may watch and send, such as the development server of an app to be watched
   * (`http://localhost:5173`).
   * @default none: the relay's own page, and programs that are no browsers
   */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * Also serves a page that frames Stately's hosted inspector and passes on to it what happens. That page's content comes
   * from the network. `true`: https://stately.ai/inspect.
   * @default false
   */
  readonly stately?: boolean | string | undefined;
}

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
   */
  attach(source: HandoffController | InspectionSource): () => void;
  /** Shows how clients got to backends lately; the last 180 reports are kept for newcomers. */
  reportRoutes(report: Omit<RoutesMessage, 'type'>): void;
  /** Disconnects everybody and frees the port. */
  close(): Promise<void>;
}

/**
 * Serves the viewer page, and brings it what happens to actors. Listens on 127.0.0.1 alone, and refuses requests that
 * a page of another site could make. Everybody on this host may watch.
 *
 * Keeps the process alive until it's closed.
 * @throws RangeError a bad port or address; Error with code `EADDRINUSE` the port is taken
 */
export async function createInspectionRelay(options: InspectionRelayOptions = {}): Promise<InspectionRelay> {
  const { controller, port = 0, allowedOrigins = [], stately = false } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw outOfRange('port', 'an integer from 0 to 65535', port);
  }
  const inspector =
    stately === false ? undefined : checkedUrl(stately === true ? STATELY_INSPECTOR : stately);
  const hub = new InspectionHub();
  const server = createServer();
  const files = new ViewerFiles();
  server.on('request', (request, response) => {
    const refused = whyRefused(request.headers, allowedOrigins);
    if (refused) reply(response, 403, `Refused: ${refused}`);
    else void respond(request, response, files, inspector);
  });
  const sockets = serveSockets(server, hub, allowedOrigins);
  const url = `http://${HOST}:${await listen(server, port)}/`;

  const attach = (source: HandoffController | InspectionSource) => {
    const observed = new ObservedSource('backendOf' in source ? controllerSource(source) : source, hub);
    hub.addSource(observed);
    return () => hub.removeSource(observed);
  };
  if (controller) attach(controller);
  return {
    url,
    statelyInspectorUrl: inspector && new URL('stately', url).href,
    attach,
    reportRoutes: (report) => hub.report({ ...report, type: '@handoff.routes' }),
    close: () => close(server, sockets),
  };
}

function checkedUrl(text: string): URL {
  if (!URL.canParse(text) || !/^https?:/.test(text)) throw outOfRange('stately', 'an http address', text);
  return new URL(text);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function close(server: Server, sockets: WebSocketServer): Promise<void> {
  return new Promise((resolve) => {
    for (const socket of sockets.clients) socket.close(CLOSE.shutdown);
    server.close(() => resolve());
    server.closeAllConnections();
    // A peer that never answers the close must not hold it up.
    for (const socket of sockets.clients) socket.terminate();
  });
}

async function respond(
  { method, url = '/' }: IncomingMessage,
  response: ServerResponse,
  files: ViewerFiles,
  inspector: URL | undefined,
): Promise<void> {
  const [path = '/'] = url.split('?');
  if (method !== 'GET' && method !== 'HEAD') return reply(response, 405, 'Only GET');
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

function serveSockets(
  server: Server,
  hub: InspectionHub,
  allowedOrigins: readonly string[],
): WebSocketServer {
  const relayId = randomUUID();
  const sockets = new WebSocketServer({
    server,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    verifyClient: ({ req }: { readonly req: IncomingMessage }) =>
      whyRefused(req.headers, allowedOrigins) === undefined,
  });
  // The HTTP server's errors come here too; who called `listen` is told of them.
  sockets.on('error', () => {});
  let senders = 0;
  sockets.on('connection', (socket: WebSocket, request) => {
    // A peer that breaks the protocol is closed by the library; there's nobody to tell.
    socket.on('error', () => {});
    if (sockets.clients.size > MAX_PEERS) {
      socket.close(CLOSE.tooManyPeers, 'too many connections');
      return;
    }
    const batched = new URL(request.url ?? '/', 'http://localhost').searchParams.has(BATCHED_QUERY);
    const viewer = new ViewerPeer(socket, batched, () => ({
      type: '@handoff.welcome',
      relayId,
      now: Date.now(),
    }));
    let sender: SenderPeer | undefined;
    // Who sends is a sender, and needs no copy of what others send.
    socket.on('message', (data, isBinary) => {
      if (socket.readyState !== socket.OPEN) return;
      if (!sender) {
        hub.removeViewer(viewer);
        sender = new SenderPeer(hub, `${++senders}:`);
      }
      const fault = isBinary ? 'malformed' : sender.receive(String(data));
      if (fault) socket.close(fault === 'tooMuch' ? CLOSE.tooMuch : CLOSE.badMessage, fault);
    });
    socket.on('close', () => {
      hub.removeViewer(viewer);
      sender?.end();
    });
    hub.addViewer(viewer);
  });
  return sockets;
}
