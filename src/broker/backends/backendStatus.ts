import type { BackendStatus } from '../telemetry/BrokerStatus';
import type { ManagedBackend } from './ManagedBackend';

/** The current status of a backend. */
export function backendStatus(backend: ManagedBackend): BackendStatus {
  const window = backend.handle.windowOf();
  return {
    backend: backend.key,
    pid: backend.pid,
    process: backend.state,
    state: backend.handle.stateOf(),
    endpoint: backend.endpoint,
    adopted: backend.isAdopted,
    ...(window && { window }),
    handoffEnabled: backend.handoffEnabled,
    attempts: backend.counts.attempts,
    openConnections: backend.openConnections,
    inFlight: backend.queue?.size ?? 0,
    queued: backend.queue?.waiting ?? 0,
    routes: {
      handedOff: backend.counts.handedOff,
      reconnected: Object.fromEntries(backend.counts.reconnected),
    },
  };
}
