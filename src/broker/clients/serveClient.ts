import type { Socket } from 'node:net';
import type { BrokerReporter } from '../telemetry/BrokerReporter';

/** Runs `work` for a client. If it throws, closes this client's connection only, with a warning. */
export function serveClient(socket: Socket, reporter: BrokerReporter, work: () => void): void {
  try {
    work();
  } catch (cause) {
    socket.destroy();
    reporter.warnOfFailure('internalError', 'a connection', cause);
  }
}
