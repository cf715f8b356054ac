import type { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { Broker, BrokerEvents, ReconnectReason, RouteEvent, TransferEvent } from '../../broker';
import { backendDisplayName } from '../../controller/BackendKey';

const SUMMARY_EVERY_MS = 60_000;
const WARN_EVERY_MS = 10_000;
const NAMED_BACKENDS = 3;

/** Options of {@link logBroker}. */
export interface BrokerLogOptions {
  /**
   * Milliseconds between two summaries of the clients that reconnected.
   * @default 60000
   */
  readonly summaryEveryMs?: number | undefined;
  /**
   * Shortest interval between two warnings of the same failure of the same backend, in milliseconds.
   * @default 10000
   */
  readonly warnEveryMs?: number | undefined;
}

/**
 * Logs a broker's events. Level `debug` has each client's route; `info` has a summary of the reconnects at intervals, one line
 * for each reason that occurred. Failed handoffs are warnings; their rate is limited for the same failure of the same backend,
 * and `suppressed` is the number of warnings left out.
 *
 * @returns a function that writes a last summary and stops logging.
 */
export function logBroker(
  broker: EventEmitter<BrokerEvents> & Pick<Broker, 'controller'>,
  logger: Logger,
  { summaryEveryMs = SUMMARY_EVERY_MS, warnEveryMs = WARN_EVERY_MS }: BrokerLogOptions = {},
): () => void {
  const reconnects = new Map<ReconnectReason, Map<string, number>>();
  // By backend and failure, so its size is bounded.
  const warned = new Map<string, { readonly at: number; suppressed: number }>();
  const limited = new Set<string>();

  const summarize = (): void => {
    for (const [reason, counts] of reconnects) {
      const sorted = [...counts].sort(([, a], [, b]) => b - a);
      const count = sorted.reduce((sum, [, each]) => sum + each, 0);
      const most = sorted.slice(0, NAMED_BACKENDS).map(([name, each]) => `${name} (${each})`);
      const rest = sorted.length - most.length;
      const backends = most.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
      logger.info({ reason, count, backends }, 'clients reconnected');
    }
    reconnects.clear();
  };

  const onRoute = ({ backend, elapsedMs, ...rest }: RouteEvent): void => {
    const name = backendDisplayName(backend);
    const facts = { ...rest, elapsedMs: rounded(elapsedMs) };
    logger.debug({ backend: name, ...facts }, facts.route === 'handedOff' ? 'handed off' : 'reconnects');
    const { reason } = facts;
    const isLimited = broker.controller.stateOf(backend) === 'rateLimited';
    if (!isLimited) {
      limited.delete(name);
    } else if (!limited.has(name)) {
      limited.add(name);
      const retryAfterMs = Math.ceil(broker.controller.windowOf(backend)?.remainingMs ?? 0);
      logger.warn({ backend: name, retryAfterMs }, 'handoff is suspended: the backend kept failing');
    }
    if (reason === undefined) return;
    const counts = reconnects.get(reason) ?? new Map<string, number>();
    counts.set(name, (counts.get(name) ?? 0) + 1);
    reconnects.set(reason, counts);
  };

  const onTransfer = ({ backend, state, elapsedMs, ...rest }: TransferEvent): void => {
    const name = backendDisplayName(backend);
    const facts = { ...rest, elapsedMs: rounded(elapsedMs) };
    if (state !== 'failed') {
      logger.debug({ backend: name, state, ...facts }, 'transfer');
      return;
    }
    const key = `${name} ${facts.failure}`;
    const now = performance.now();
    const last = warned.get(key);
    if (last !== undefined && now - last.at < warnEveryMs) {
      last.suppressed += 1;
      logger.debug({ backend: name, ...facts }, 'handoff failed');
      return;
    }
    const suppressed = last?.suppressed || undefined;
    warned.set(key, { at: now, suppressed: 0 });
    logger.warn({ backend: name, ...facts, suppressed }, 'handoff failed');
  };

  const listeners: { readonly [E in keyof BrokerEvents]: (...args: BrokerEvents[E]) => void } = {
    route: onRoute,
    transfer: onTransfer,
    backendReady: ({ backend, ...facts }) =>
      logger.info({ backend: backendDisplayName(backend), ...facts }, 'backend ready'),
    backendRejoined: ({ backend, ...facts }) =>
      logger.info({ backend: backendDisplayName(backend), ...facts }, 'backend rejoined'),
    backendExit: ({ backend, ...facts }) => {
      // If no restart follows, the broker itself ended it.
      const level = facts.restartInMs === undefined ? 'info' : 'warn';
      logger[level]({ backend: backendDisplayName(backend), ...facts }, 'backend exited');
    },
    warning: ({ code, message, backend, cause }) =>
      logger.warn({ code, backend: backend && backendDisplayName(backend), err: cause }, message),
  };
  broker.on('route', listeners.route);
  broker.on('transfer', listeners.transfer);
  broker.on('backendReady', listeners.backendReady);
  broker.on('backendRejoined', listeners.backendRejoined);
  broker.on('backendExit', listeners.backendExit);
  broker.on('warning', listeners.warning);
  const timer = setInterval(summarize, summaryEveryMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    broker.off('route', listeners.route);
    broker.off('transfer', listeners.transfer);
    broker.off('backendReady', listeners.backendReady);
    broker.off('backendRejoined', listeners.backendRejoined);
    broker.off('backendExit', listeners.backendExit);
    broker.off('warning', listeners.warning);
    summarize();
  };
}

/** Rounds to microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
