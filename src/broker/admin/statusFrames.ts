import { cutToCharacters } from '../../errors/characters';
import type { HandoffController } from '../../index';
import { openFdCount, softFdLimit } from '../../net/fdUsage';
import type { BackendSummary, BrokerSummary } from '../../protocol/brokerStatus';
import { encodeFrame } from '../../protocol/encodeFrame';
import { MAX_PAYLOAD_BYTES } from '../../protocol/wireLimits';
import type { BrokerExplanation } from '../telemetry/BrokerDecision';
import type { BackendStatus, BrokerStats } from '../telemetry/BrokerStatus';

// Size of a reply without its backends.
const FRAME_BYTES = 64;
/** The instance's name has no length limit; a frame has one. */
const MAX_INSTANCE_CHARACTERS = 256;
const MAX_LIMITATION_CHARACTERS = 512;

/** Source of a status reply. */
export interface StatusSource {
  readonly instance: string;
  readonly controller: HandoffController;
  /** What the transport lacks on this system, and the effect. */
  readonly limitation?: string | undefined;
  backends(): BackendStatus[];
  stats(): BrokerStats;
  explain(backend: BackendStatus['backend']): BrokerExplanation;
}

/** A broker's status as frames: one for the broker, then as many as its backends need; the last has `last: true`. */
export function statusFrames(broker: StatusSource): Buffer {
  const frames = [encodeFrame({ type: 'statusReply', broker: summaryOf(broker), backends: [], last: false })];
  let page: BackendSummary[] = [];
  let bytes = 0;
  for (const status of broker.backends()) {
    const backend = backendSummary(broker, status);
    const size = Buffer.byteLength(JSON.stringify(backend)) + 1;
    if (bytes + size > MAX_PAYLOAD_BYTES - FRAME_BYTES) {
      frames.push(encodeFrame({ type: 'statusReply', backends: page, last: false }));
      page = [];
      bytes = 0;
    }
    page.push(backend);
    bytes += size;
  }
  frames.push(encodeFrame({ type: 'statusReply', backends: page, last: true }));
  return Buffer.concat(frames);
}

function summaryOf(broker: StatusSource): BrokerSummary {
  const { maxFailedAttemptsPerWindow, failedAttemptWindowMs } = broker.controller.policy;
  const open = openFdCount();
  const limit = softFdLimit();
  return {
    instance: cutToCharacters(broker.instance, MAX_INSTANCE_CHARACTERS),
    pid: process.pid,
    uptimeMs: Math.round(process.uptime() * 1000),
    policy: { maxFailedAttemptsPerWindow, failedAttemptWindowMs },
    ...(broker.limitation !== undefined && {
      limitation: cutToCharacters(broker.limitation, MAX_LIMITATION_CHARACTERS),
    }),
    ...(open !== undefined && limit !== undefined && { fd: { open, limit } }),
    stats: broker.stats(),
  };
}

function backendSummary(broker: StatusSource, status: BackendStatus): BackendSummary {
  const { backend, pid, process, endpoint, adopted, handoffEnabled, attempts, routes } = status;
  const { decision, because, state, stateMeans, window } = broker.explain(backend);
  return {
    service: backend.serviceName,
    version: backend.serviceVersion,
    ...(backend.replica !== undefined && { replica: backend.replica }),
    ...(pid !== undefined && { pid }),
    process,
    ...(endpoint !== undefined && { endpoint }),
    adopted,
    handoffEnabled,
    attempts,
    openConnections: status.openConnections,
    inFlight: status.inFlight,
    queued: status.queued,
    handedOff: routes.handedOff,
    reconnected: routes.reconnected,
    state,
    stateMeans,
    ...(window !== undefined && { window }),
    next: {
      because,
      ...(decision.type === 'attempt'
        ? { answer: 'attempt' }
        : {
            answer: decision.reason,
            ...(decision.retryAfterMs !== undefined && { retryAfterMs: decision.retryAfterMs }),
          }),
    },
  };
}
