import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { HandoffController } from '../../controller/HandoffController';
import { readGiven } from '../../errors/invalidArgument';
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
import { PushedSource } from './PushedSource';
import { serveSockets } from './serveSockets';
import { STATELY_BRIDGE_SCRIPT, STATELY_BRIDGE_STYLE, statelyBridgePage } from './statelyBridgePage';
import { isActor, isSystem, systemSource } from './systemSource';
import { ViewerFiles } from './ViewerFiles';

/** Most WebSocket connections, viewers and senders together; the server accepts twice as many connections. */
const MAX_PEERS = 64;
/** The bound is lower where the limit of descriptors is low. */
const MIN_PEERS = 4;
const PART_OF_DESCRIPTORS = 1 / 16;

/** Shortest interval between two calls of `onLeftOut`. */
const TELL_LEFT_OUT_MS = 10_000;

/** A running relay. */
export interface InspectionRelay {
  /** Address of the viewer, `http://127.0.0.1:PORT/`. Clients of `@statelyai/inspect` connect to it with `ws:`. */
  readonly url: string;
  /** Address of the page that frames the hosted inspector; undefined without the option `stately`. */
  readonly statelyInspectorUrl: string | undefined;
  /**
   * The option `inspect` of XState's `createActor`: shows the actor and its whole system. Without a viewer it keeps no actor
   * alive.
   */
  inspect(event: InspectionEvent): void;
  /**
   * Shows the actors of a controller, of an XState actor's system (give the actor, or its `system`), or of anything else with
   * XState's inspection observer. It's observed only while there is a viewer.
   * @returns a function that detaches it
   * @throws {TypeError} `source` is neither
   */
  attach(source: HandoffController | InspectionSource | AnyActorRef | AnyActorRef['system']): () => void;
  /**
   * Shows the routes of clients in one interval; the last 180 reports are kept for new viewers.
   * @throws {TypeError | RangeError} a field is invalid or unknown
   */
  reportRoutes(report: Omit<RoutesMessage, 'type'>): void;
  /** Refused messages and connections since the relay's start, by reason. */
  leftOut(): LeftOut;
  /** The number of open connections to the port: viewers, senders and page requests. */
  connections(): number;
  /** Closes all connections and frees the port. */
  close(): Promise<void>;
}

/**
 * Serves the viewer page and sends it the actors' events. Listens on 127.0.0.1 only, and refuses requests from pages of other
 * sites. Every user of this host can view.
 *
 * Keeps the process alive until it's closed.
 * @throws {TypeError | RangeError} an option is invalid or unknown (the promise rejects)
 * @throws {Error} the system's error, with code `EADDRINUSE` if the port is taken (the promise rejects)
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

  const pushed = new PushedSource();
  hub.addSource(new ObservedSource(pushed, hub));
  const attach: InspectionRelay['attach'] = (source) => {
    const observed = new ObservedSource(toSource(source), hub);
    hub.addSource(observed);
    return () => hub.removeSource(observed);
  };
  if (controller) attach(controller);
  return {
    url,
    statelyInspectorUrl: inspector && new URL('stately', url).href,
    inspect: (event) => pushed.push(event),
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

function toSource(source: Parameters<InspectionRelay['attach']>[0]): InspectionSource {
  const found = readGiven('source', () => {
    if (typeof source !== 'object' || source === null) return undefined;
    if (isActor(source)) return systemSource(source.system, source);
    return isSystem(source) ? systemSource(source) : undefined;
  });
  if (found !== undefined) return found;
  checkSource('source', source);
  return 'backendOf' in source ? controllerSource(source) : (source as InspectionSource);
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

/** No foreign or inline content; only pages of this host may frame the viewer. */
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
