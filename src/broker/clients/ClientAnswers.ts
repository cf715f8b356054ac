import type { Socket } from 'node:net';
import type { ReconnectReason } from '../../../machines/vocabulary';
import { lingeringClose } from '../../net/lingeringClose';
import type { PeerConnections } from '../../net/PeerConnections';
import { encodeFrame } from '../../protocol/encodeFrame';
import { type BrokerClientErrorCode, encodeError } from '../../protocol/errorCodes';
import type { BackendTarget, ManagedBackend } from '../backends/ManagedBackend';
import type { BrokerCounts } from '../telemetry/BrokerCounts';
import type { BrokerReporter } from '../telemetry/BrokerReporter';
import type { ClientRequest } from './ClientRequest';

const BUSY_RETRY_MS = 100;

/** Sends each client's final answer, counts it and emits the `route` event. */
export class ClientAnswers {
  readonly #connections: PeerConnections;
  readonly #counts: BrokerCounts;
  readonly #reporter: BrokerReporter;

  constructor(connections: PeerConnections, counts: BrokerCounts, reporter: BrokerReporter) {
    this.#connections = connections;
    this.#counts = counts;
    this.#reporter = reporter;
  }

  /** Sends an error and closes. */
  sendError(socket: Socket, code: BrokerClientErrorCode, message: string, retryAfterMs?: number): void {
    this.#counts.countError(code);
    this.#connections.end(socket);
    lingeringClose(socket, encodeError(code, message, retryAfterMs));
  }

  /** Sends `busy` and closes at once: a connection over the bound must not hold a descriptor until the client closes. */
  turnAway(socket: Socket): void {
    this.#counts.countError('busy');
    socket.write(encodeError('busy', 'too many connections', BUSY_RETRY_MS));
    socket.destroy();
  }

  /** Sends the client to the backend's endpoint and closes. */
  reconnect(
    request: ClientRequest,
    backend: ManagedBackend,
    { identity }: BackendTarget,
    reason: ReconnectReason,
    retryAfterMs?: number,
  ): void {
    this.countRoute(request, backend, reason, retryAfterMs);
    this.#connections.end(request.socket);
    lingeringClose(
      request.socket,
      encodeFrame({
        type: 'reconnect',
        reason,
        backend: identity.backend,
        endpoint: identity.endpoint,
        stamp: request.issuedAt,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      }),
    );
  }

  /** Counts the client's route and emits `route`. */
  countRoute(
    { hello, earlyData, arrivedAt }: ClientRequest,
    backend: ManagedBackend,
    way: 'handedOff' | ReconnectReason,
    retryAfterMs?: number,
  ): void {
    backend.counts.countRoute(way);
    this.#counts.countRoute(way);
    const facts = {
      connectionId: hello.id,
      backend: backend.key,
      earlyDataBytes: earlyData.length,
      elapsedMs: performance.now() - arrivedAt,
      ...(hello.traceparent === undefined ? {} : { traceparent: hello.traceparent }),
    };
    if (way === 'handedOff') {
      this.#reporter.emit('route', { ...facts, route: 'handedOff' });
    } else {
      this.#reporter.emit('route', {
        ...facts,
        route: 'reconnected',
        reason: way,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    }
  }
}
