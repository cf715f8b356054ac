import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { softFdLimit } from '../net/fdUsage';
import { PeerConnections } from '../net/PeerConnections';

/** How long a request may take to come: its head, and the whole. */
const HEAD_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const CHECK_EVERY_MS = 1_000;

/** How long a connection stays open for a further request. */
const KEEP_ALIVE_MS = 5_000;

/** How long nothing may move on a connection while it has an answer to read. */
const IDLE_TIMEOUT_MS = 10_000;

/** Requests of one connection that have no answer yet. */
const MAX_PIPELINED = 32;

/** Options of {@link createBoundedServer}. */
export interface ServerBounds {
  /** Connections at a time, from 1. */
  readonly maxConnections: number;
  /** A connection was closed to make room, or since it asked for too much at once. */
  readonly onTurnedAway: () => void;
  /** Answers a request. */
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
}

/** An HTTP server that nobody can make to hold more than it should. */
export interface BoundedServer {
  readonly server: Server;
  /** Open connections. */
  readonly connections: number;
  /** The connection is used for another protocol now, and makes no room any more. */
  hold(socket: Socket): void;
  /** Closes every connection, and the server. */
  close(): Promise<void>;
}

/** A part of the descriptors that this process may have open, between bounds: what a port takes, clients can't have. */
export function shareOfDescriptors(part: number, min: number, max: number, limit = softFdLimit()): number {
  return Math.min(max, Math.max(min, Math.floor((limit ?? Number.POSITIVE_INFINITY) * part)));
}

/**
 * Makes an HTTP server whose connections are bounded in number and in time. Above the bound a connection with no request
 * under way makes room, the oldest first. It does not listen yet.
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
  // What the system can't accept is no reason to end the process. Who called `listen` has a listener of its own.
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
    // What had come with the request that was one too many.
    if (socket.destroyed) return;
    connections.settle(socket);
    const count = (unanswered.get(socket) ?? 0) + 1;
    unanswered.set(socket, count);
    // The reader may leave at any time.
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
