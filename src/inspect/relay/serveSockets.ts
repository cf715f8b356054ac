import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { whyRefused } from '../../ports/checkRequest';
import type { BoundedServer } from '../../ports/createBoundedServer';
import { BATCHED_QUERY } from '../messages/InspectionMessage';
import { HalfMessages } from './HalfMessages';
import type { InspectionHub } from './InspectionHub';
import { KeptBudget } from './KeptBudget';
import { SenderPeer } from './SenderPeer';
import { ViewerPeer } from './ViewerPeer';

/** A sender's message over what is taken is left out; one over this ends its connection, since it can't be held. */
const MAX_HELD_MESSAGE_BYTES = 32 * 1024 * 1024;

/** How long a peer that is told to close may take. */
const CLOSE_TIMEOUT_MS = 2_000;

/** The code with which a peer is closed. */
const CLOSE = { shutdown: 1001, tooManyPeers: 1013 } as const;

/** Options of {@link serveSockets}. */
export interface SocketOptions {
  readonly bounded: BoundedServer;
  readonly hub: InspectionHub;
  readonly allowedOrigins: readonly string[];
  /** WebSocket connections at a time, viewers and senders together. */
  readonly maxPeers: number;
}

/**
 * Takes a server's WebSocket connections.
 * @returns disconnects everybody
 */
export function serveSockets({ bounded, hub, allowedOrigins, maxPeers }: SocketOptions): () => void {
  const relayId = randomUUID();
  const sockets = new WebSocketServer({
    server: bounded.server,
    maxPayload: MAX_HELD_MESSAGE_BYTES,
    perMessageDeflate: false,
    verifyClient: ({ req }: { readonly req: IncomingMessage }) =>
      whyRefused(req.headers, allowedOrigins) === undefined,
  });
  // The HTTP server's errors come here too; who called `listen` is told of them.
  sockets.on('error', () => {});
  const kept = new KeptBudget();
  const halfMessages = new HalfMessages();
  let senders = 0;
  sockets.on('connection', (socket: WebSocket, request) => {
    bounded.hold(request.socket);
    // A peer that breaks the protocol is told to close by the library.
    socket.on('error', () => {
      hub.leaveOut('peers');
      endSoon(socket);
    });
    if (sockets.clients.size > maxPeers) {
      hub.leaveOut('connections');
      socket.close(CLOSE.tooManyPeers, 'too many connections');
      endSoon(socket);
      return;
    }
    halfMessages.watch(socket, request.socket);
    const welcome = () => ({ type: '@handoff.welcome', relayId, now: Date.now() }) as const;
    const viewer = new ViewerPeer(socket, isBatched(request), welcome);
    let sender: SenderPeer | undefined;
    // Who sends is a sender, and needs no copy of what others send.
    socket.on('message', (data: RawData, isBinary) => {
      if (socket.readyState !== socket.OPEN) return;
      if (!sender) {
        hub.removeViewer(viewer);
        sender = new SenderPeer(hub, kept, `${++senders}:`);
      }
      // The library gives messages as buffers, unless it's told otherwise.
      sender.receive(data as Buffer, isBinary);
    });
    socket.on('pong', () => viewer.answer());
    socket.on('close', () => {
      hub.removeViewer(viewer);
      sender?.end();
    });
    hub.addViewer(viewer);
  });
  return () => {
    for (const socket of sockets.clients) {
      socket.close(CLOSE.shutdown);
      // A peer that never answers the close must not hold it up.
      socket.terminate();
    }
  };
}

/** A peer that doesn't answer a close keeps its place otherwise. */
function endSoon(socket: WebSocket): void {
  setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
}

/** The address may be anything that fits in a line. */
function isBatched({ url = '' }: IncomingMessage): boolean {
  const query = url.indexOf('?');
  return query >= 0 && new URLSearchParams(url.slice(query)).has(BATCHED_QUERY);
}
