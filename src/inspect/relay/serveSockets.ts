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

/** A larger message closes its connection. Messages over the sender's own, lower bound are only refused. */
const MAX_HELD_MESSAGE_BYTES = 32 * 1024 * 1024;

/** Time for a peer to answer a close. */
const CLOSE_TIMEOUT_MS = 2_000;

/** WebSocket close codes. */
const CLOSE = { shutdown: 1001, tooManyPeers: 1013 } as const;

/** Options of {@link serveSockets}. */
export interface SocketOptions {
  readonly bounded: BoundedServer;
  readonly hub: InspectionHub;
  readonly allowedOrigins: readonly string[];
  /** Most WebSocket connections, viewers and senders together. */
  readonly maxPeers: number;
}

/**
 * Serves a server's WebSocket connections.
 * @returns a function that closes all of them
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
  // The HTTP server's errors are emitted here too; the caller of `listen` handles them.
  sockets.on('error', () => {});
  const kept = new KeptBudget();
  const halfMessages = new HalfMessages();
  let senders = 0;
  sockets.on('connection', (socket: WebSocket, request) => {
    bounded.hold(request.socket);
    // The library sends a close to a peer that breaks the protocol.
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
    // A peer that sends is a sender and gets no messages.
    socket.on('message', (data: RawData, isBinary) => {
      if (socket.readyState !== socket.OPEN) return;
      if (!sender) {
        hub.removeViewer(viewer);
        sender = new SenderPeer(hub, kept, `${++senders}:`);
      }
      // The library's default `binaryType` gives buffers.
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
      // Don't wait for peers that never answer the close.
      socket.terminate();
    }
  };
}

/** Otherwise a peer that doesn't answer a close would keep its place. */
function endSoon(socket: WebSocket): void {
  setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
}

/** The request target may be any text, so don't parse it as a URL. */
function isBatched({ url = '' }: IncomingMessage): boolean {
  const query = url.indexOf('?');
  return query >= 0 && new URLSearchParams(url.slice(query)).has(BATCHED_QUERY);
}
