import type { Socket } from 'node:net';

/**
 * Turns of the event loop after which what a peer sent right behind its connect has been read. A grace in milliseconds
 * would leave it to those who come again without pause who gets a place that becomes free: peers that pause starve.
 */
const GRACE_TURNS = 2;

interface Waiting {
  readonly since: number;
  readonly stopWaiting: () => void;
}

/** A connection that was taken out to make room. */
export interface EvictedPeer {
  readonly socket: Socket;
  /** It had not said what it wants, and has been told nothing. */
  readonly wasWaiting: boolean;
}

/** The connections of peers that are in this process's hands, by what is awaited of them. */
export class PeerConnections {
  // Each in the order of their coming, so that the oldest is the first.
  readonly #waiting = new Map<Socket, Waiting>();
  readonly #ending = new Set<Socket>();
  readonly #routed = new Set<Socket>();
  readonly #turn: () => number;

  /** @param turn the number of the event loop's present turn. */
  constructor(turn: () => number = () => performance.nodeTiming.uvMetricsInfo.loopCount) {
    this.#turn = turn;
  }

  get size(): number {
    return this.#waiting.size + this.#ending.size + this.#routed.size;
  }

  /** A new one, of which the first frame is awaited. */
  add(socket: Socket, stopWaiting: () => void): void {
    this.#waiting.set(socket, { since: this.#turn(), stopWaiting });
  }

  /** It has said what it wants, or never will. */
  settle(socket: Socket): void {
    if (this.#waiting.delete(socket)) this.#routed.add(socket);
  }

  /** It has had its last word from us, and is only waited for to close. */
  end(socket: Socket): void {
    if (this.#waiting.delete(socket) || this.#routed.delete(socket)) this.#ending.add(socket);
  }

  delete(socket: Socket): void {
    this.#waiting.delete(socket);
    this.#ending.delete(socket);
    this.#routed.delete(socket);
  }

  /** Takes out the connection that is the least worth keeping: the caller closes it. Undefined if all are worth it. */
  evict(): EvictedPeer | undefined {
    // What it was told is in the kernel, where a close leaves it to be read.
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

  /** Stops waiting for every first frame; returns the connections that none came on. */
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
