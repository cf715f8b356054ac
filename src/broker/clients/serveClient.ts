import type { Socket } from 'node:net';
import type { BrokerReporter } from '../telemetry/BrokerReporter';

/** Does what a client's socket or timer asks for: whatever goes wrong with it ends this client's connection alone. */
export function serveClient(socket: Socket, reporter: BrokerReporter, work: () => void): void {
  try {
    work();
  } catch (cause) {
    socket.destroy();
    reporter.warnOfFailure('internalError', 'a connection', cause);
  }
}
