import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { softFdLimit } from '../net/fdUsage';
import { PeerConnections } from '../net/PeerConnections';

/** Timeouts for a request's head and for the whole request. */
const HEAD_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const CHECK_EVERY_MS = 1_000;

/** Keep-alive timeout of an idle connection. */
const KEEP_ALIVE_MS = 5_000;

/** Timeout of a connection that doesn't read its response. */
const IDLE_TIMEOUT_MS = 10_000;

/** Maximum unanswered requests per connection. */
const MAX_PIPELINED = 32;

/** Options of {@link createBoundedServer}. */
export interface ServerBounds {
  /** Maximum connections at a time, from 1. */
  readonly maxConnections: number;
  /** A connection was evicted, or closed because of too many requests at once. */
  readonly onTurnedAway: () => void;
  /** Answers a request. */
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
}

/** An HTTP server with limits on connections, requests and time. */
export interface BoundedServer {
  readonly server: Server;
  /** Open connections. */
  readonly connections: number;
  /** The connection was upgraded to another protocol: it's never evicted. */
  hold(socket: Socket): void;
  /** Closes every connection, and the server. */
  close(): Promise<void>;
}

/** A bounded share of the descriptor limit, so that a port leaves descriptors for clients. */
export function shareOfDescriptors(part: number, min: number, max: number, limit = softFdLimit()): number {
  return Math.min(max, Math.max(min, Math.floor((limit ?? Number.POSITIVE_INFINITY) * part)));
}

/**
 * Makes an HTTP server whose connections are bounded in number and in time. At the limit it evicts the oldest idle
 * connection. It does not listen yet.
 */
export function createBoundedServer({
  maxConnections,
  onTurnedAway,
  onRequest,
}: ServerBounds): BoundedServer {
  const server = createServer({
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.timeout = IDLE_TIMEOUT_MS;
  // A failed accept must not end the process. The caller of `listen` has its own error listener.
  server.on('error', () => {});
  const connections = new PeerConnections();
  const unanswered = new WeakMap<Socket, number>();
  const wait = (socket: Socket): void => connections.add(socket, () => {});

  server.on('connection', (socket: Socket) => {
    socket.once('close', () => connections.delete(socket));
    if (connections.size >= maxConnections) {
      const evicted = connections.evict();
      (evicted?.socket ?? socket).destroy();
      onTurnedAway();
      if (evicted === undefined) return;
    }
    wait(socket);
  });
  server.on('request', (request, response) => {
    const { socket } = request;
    // Drop the requests that were pipelined after the one over the limit.
    if (socket.destroyed) return;
    connections.settle(socket);
    const count = (unanswered.get(socket) ?? 0) + 1;
    unanswered.set(socket, count);
    // The peer may disconnect at any time.
    response.on('error', () => {});
    response.once('close', () => {
      const left = (unanswered.get(socket) ?? 1) - 1;
      unanswered.set(socket, left);
      if (left > 0 || socket.destroyed) return;
      connections.delete(socket);
      wait(socket);
    });
    if (count <= MAX_PIPELINED) {
      onRequest(request, response);
      return;
    }
    socket.destroy();
    onTurnedAway();
  });
  return {
    server,
    get connections() {
      return connections.size;
    },
    hold: (socket) => connections.settle(socket),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        connections.destroyAll();
      }),
  };
}
