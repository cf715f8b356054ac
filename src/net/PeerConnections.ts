import type { Socket } from 'node:net';

/**
 * Turns of the event loop after which a frame sent right after connecting has been read. A grace period in milliseconds would
 * let peers that reconnect in a loop take every free place and starve peers that pause.
 */
const GRACE_TURNS = 2;

interface Waiting {
  readonly since: number;
  readonly stopWaiting: () => void;
}

/** A connection that was evicted. */
export interface EvictedPeer {
  readonly socket: Socket;
  /** It has sent no frame and got no answer. */
  readonly wasWaiting: boolean;
}

/** The open connections of peers, grouped by what they wait for. */
export class PeerConnections {
  // Each set is in the order of arrival, the oldest first.
  readonly #waiting = new Map<Socket, Waiting>();
  readonly #ending = new Set<Socket>();
  readonly #routed = new Set<Socket>();
  readonly #turn: () => number;

  /** @param turn returns the number of the current turn of the event loop. */
  constructor(turn: () => number = () => performance.nodeTiming.uvMetricsInfo.loopCount) {
    this.#turn = turn;
  }

  get size(): number {
    return this.#waiting.size + this.#ending.size + this.#routed.size;
  }

  /** Adds a new connection that has to send its first frame. */
  add(socket: Socket, stopWaiting: () => void): void {
    this.#waiting.set(socket, { since: this.#turn(), stopWaiting });
  }

  /** Its first frame has arrived, or never will. */
  settle(socket: Socket): void {
    if (this.#waiting.delete(socket)) this.#routed.add(socket);
  }

  /** It got its last answer and only has to close. */
  end(socket: Socket): void {
    if (this.#waiting.delete(socket) || this.#routed.delete(socket)) this.#ending.add(socket);
  }

  delete(socket: Socket): void {
    this.#waiting.delete(socket);
    this.#ending.delete(socket);
    this.#routed.delete(socket);
  }

  /** Removes the connection that is best to evict, for the caller to close; undefined if all must stay. */
  evict(): EvictedPeer | undefined {
    // Its answer is in the kernel and stays readable after a close.
    const [ending] = this.#ending;
    if (ending !== undefined) {
      this.#ending.delete(ending);
      return { socket: ending, wasWaiting: false };
    }
    const [waiting] = this.#waiting;
    if (waiting === undefined || this.#turn() - waiting[1].since < GRACE_TURNS) return undefined;
    const [socket, { stopWaiting }] = waiting;
    this.#waiting.delete(socket);
    stopWaiting();
    return { socket, wasWaiting: true };
  }

  /** Stops waiting for first frames; returns the connections without one. */
  stopWaiting(): Socket[] {
    const sockets = [...this.#waiting.keys()];
    for (const { stopWaiting } of this.#waiting.values()) stopWaiting();
    for (const socket of sockets) this.settle(socket);
    return sockets;
  }

  /** Closes all of them. */
  destroyAll(): void {
    for (const socket of [...this.#waiting.keys(), ...this.#ending, ...this.#routed]) socket.destroy();
  }
}
