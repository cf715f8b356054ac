import type { TransferOutcome } from '../../../machines';
import { KNOWING_SLACK_MS } from '../../protocol/wireLimits';
import type { BackendTarget, ManagedBackend } from '../backends/ManagedBackend';
import type { CheckedBrokerOptions } from '../options/checkBrokerOptions';
import type { FdPressure } from '../pressure/FdPressure';
import type { BrokerCounts } from '../telemetry/BrokerCounts';
import type { TransferEvent } from '../telemetry/BrokerEvents';
import type { BrokerInspection } from '../telemetry/BrokerInspection';
import type { BrokerReporter } from '../telemetry/BrokerReporter';
import { Transfer } from '../transfers/Transfer';
import type { ClientAnswers } from './ClientAnswers';
import type { ClientRequest } from './ClientRequest';
import { serveClient } from './serveClient';

/** Options of {@link HandoffAttempts}. */
export interface HandoffAttemptsOptions {
  /** The present options. */
  readonly settings: () => Pick<CheckedBrokerOptions, 'maxTransfers' | 'maxTransfersPerBackend'>;
  readonly answers: ClientAnswers;
  readonly counts: BrokerCounts;
  readonly pressure: FdPressure;
  readonly reporter: BrokerReporter;
  /** Observes each transfer's chart. */
  readonly inspection: BrokerInspection;
}

/** Runs each attempt that the controller allowed as a transfer, and records the outcome with the controller. */
export class HandoffAttempts {
  readonly #options: HandoffAttemptsOptions;
  #inFlight = 0;
  #isClosed = false;
  #onSettled: (() => void) | undefined;

  constructor(options: HandoffAttemptsOptions) {
    this.#options = options;
  }

  /** Starts a transfer, or sends `reconnect` if there are too many. */
  begin(request: ClientRequest, backend: ManagedBackend, target: BackendTarget): void {
    const { settings, answers, counts, reporter, inspection } = this.#options;
    const { queue, identity } = target;
    const { socket, hello, earlyData, issuedAt, ageMs } = request;
    const { maxTransfers, maxTransfersPerBackend } = settings();
    backend.counts.attempts += 1;
    if (
      queue === undefined ||
      this.#inFlight >= maxTransfers ||
      queue.size >= maxTransfersPerBackend ||
      this.#isClosed
    ) {
      reporter.tellController(backend.key, () => backend.handle.recordAbandonedAttempt());
      counts.abandoned += 1;
      answers.reconnect(request, backend, target, 'transferLimit');
      return;
    }
    const beganAt = performance.now();
    this.#inFlight += 1;
    queue.add(
      new Transfer({
        socket,
        connectionId: hello.id,
        issuedAt,
        clientKnows: hello.knows !== undefined && ageMs <= KNOWING_SLACK_MS,
        earlyData,
        traceparent: hello.traceparent,
        backend: identity.backend,
        endpoint: identity.endpoint,
        deadlineMs: backend.service.ackDeadlineMs,
        inspect: inspection.ofNextTransfer,
        onState: (state, failure) => this.#tell(request, backend, state, beganAt, failure),
        onOutcome: (outcome) => {
          serveClient(socket, reporter, () => this.#record(request, backend, target, outcome));
          this.#inFlight -= 1;
          if (this.#inFlight === 0) this.#onSettled?.();
        },
      }),
    );
  }

  /** Starts no more transfers. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * Resolves when no transfer is in flight, or after the timeout.
   *
   * @param timeoutMs milliseconds.
   */
  whenSettled(timeoutMs: number): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onSettled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #tell(
    { hello: { id: connectionId, traceparent } }: ClientRequest,
    backend: ManagedBackend,
    state: TransferEvent['state'],
    beganAt: number,
    failure: TransferEvent['failure'],
  ): void {
    const { reporter } = this.#options;
    if (!reporter.hasListener('transfer')) return;
    reporter.emit('transfer', {
      connectionId,
      backend: backend.key,
      state,
      elapsedMs: performance.now() - beganAt,
      ...(failure === undefined ? {} : { failure }),
      ...(traceparent === undefined ? {} : { traceparent }),
    });
  }

  #record(
    request: ClientRequest,
    backend: ManagedBackend,
    target: BackendTarget,
    outcome: TransferOutcome,
  ): void {
    const { answers, counts, pressure, reporter } = this.#options;
    const { key, handle } = backend;
    switch (outcome.type) {
      case 'acknowledged':
        reporter.tellController(key, () => handle.recordSuccess());
        answers.countRoute(request, backend, 'handedOff');
        return;
      case 'failed': {
        const decision = reporter.tellController(key, () => handle.recordFailedAttempt(outcome.failure));
        const reason = decision?.type === 'fallbackToReconnect' ? decision.reason : outcome.failure;
        if (outcome.mayWrite) answers.reconnect(request, backend, target, reason);
        else answers.countRoute(request, backend, reason);
        return;
      }
      case 'abandoned':
        reporter.tellController(key, () => handle.recordAbandonedAttempt());
        counts.abandoned += 1;
        if (outcome.cause === 'outOfDescriptors') pressure.reportExhausted();
        if (outcome.mayWrite) answers.reconnect(request, backend, target, outcome.reason);
        else counts.clientsLeft += 1;
        return;
    }
  }
}
