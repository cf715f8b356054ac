import type { Socket } from 'node:net';
import { lingeringClose } from '../../net/lingeringClose';
import type { PeerConnections } from '../../net/PeerConnections';
import type { CheckedBrokerOptions } from '../options/checkBrokerOptions';
import type { FdPressure } from '../pressure/FdPressure';
import type { BrokerCounts } from '../telemetry/BrokerCounts';
import type { BrokerReporter } from '../telemetry/BrokerReporter';
import type { ClientAnswers } from './ClientAnswers';
import { clientRequest } from './ClientRequest';
import type { ClientRouter } from './ClientRouter';
import { type HelloResult, readHello } from './readHello';
import { serveClient } from './serveClient';

/** Options of {@link ClientGate}. */
export interface ClientGateOptions {
  /** The present options. */
  readonly settings: () => Pick<CheckedBrokerOptions, 'helloTimeoutMs' | 'maxConnections'>;
  readonly connections: PeerConnections;
  readonly router: ClientRouter;
  readonly answers: ClientAnswers;
  /** The encoded reply to a `status` frame. */
  readonly status: () => Buffer;
  readonly counts: BrokerCounts;
  readonly pressure: FdPressure;
  readonly reporter: BrokerReporter;
}

/** Accepts connections up to the bound and reads each one's first frame. */
export class ClientGate {
  readonly #options: ClientGateOptions;

  constructor(options: ClientGateOptions) {
    this.#options = options;
  }

  /** Takes a new connection. */
  enter(socket: Socket): void {
    serveClient(socket, this.#options.reporter, () => this.#onConnection(socket));
  }

  /** Sends `stopping` to the connections that haven't sent a complete frame yet. */
  close(): void {
    for (const socket of this.#options.connections.stopWaiting()) {
      this.#options.answers.sendError(socket, 'stopping', 'the broker is stopping');
    }
  }

  #onConnection(socket: Socket): void {
    const { settings, connections, answers, counts, pressure, reporter } = this.#options;
    const { helloTimeoutMs, maxConnections } = settings();
    counts.connections += 1;
    socket.on('error', () => {});
    socket.once('close', () => connections.delete(socket));
    if (connections.size >= Math.min(maxConnections, pressure.maxConnections)) {
      const evicted = connections.evict();
      if (evicted === undefined || evicted.wasWaiting) answers.turnAway(evicted?.socket ?? socket);
      else evicted.socket.destroy();
      if (evicted === undefined) return;
    }
    connections.add(
      socket,
      readHello(socket, helloTimeoutMs, (result) =>
        serveClient(socket, reporter, () => this.#onHello(socket, result)),
      ),
    );
  }

  #onHello(socket: Socket, result: HelloResult): void {
    const { connections, router, answers, status, counts } = this.#options;
    connections.settle(socket);
    switch (result.type) {
      case 'hello':
        router.route(clientRequest(socket, result));
        return;
      case 'status':
        lingeringClose(socket, status());
        return;
      case 'invalid':
        answers.sendError(socket, result.error.code, result.error.message);
        return;
      case 'timeout':
        answers.sendError(socket, 'helloTimeout', 'no complete hello came in time');
        return;
      case 'left':
        counts.clientsLeft += 1;
        socket.destroy();
        return;
    }
  }
}
