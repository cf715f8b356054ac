import { checkInputs } from '../../controller/handoffSymbols';
import { requireNamedValues } from '../../errors/readOptions';
import { HandoffAttemptInputs } from '../../index';
import type { ManagedBackend } from '../backends/ManagedBackend';
import type { HandoffTransport } from '../channels/HandoffTransport';
import type { AttemptRequest, BrokerOptions } from '../options/BrokerOptions';
import type { FdPressure } from '../pressure/FdPressure';
import {
  type BrokerDecision,
  type BrokerExplanation,
  brokerDecision,
  explainWith,
} from '../telemetry/BrokerDecision';
import type { BrokerReporter } from '../telemetry/BrokerReporter';
import type { ClientRequest } from './ClientRequest';

/** Options of {@link HandoffDecisions}. */
export interface HandoffDecisionsOptions {
  /** The present options. */
  readonly settings: () => Pick<BrokerOptions, 'adjustInputs'>;
  readonly transport: HandoffTransport;
  readonly pressure: FdPressure;
  readonly reporter: BrokerReporter;
}

/** Collects the inputs and asks the controller whether to attempt a handoff. */
export class HandoffDecisions {
  readonly #options: HandoffDecisionsOptions;

  constructor(options: HandoffDecisionsOptions) {
    this.#options = options;
  }

  decide(request: ClientRequest, backend: ManagedBackend): BrokerDecision {
    const { reporter, transport } = this.#options;
    const { handle, key } = backend;
    const canPassHandle = request.canHandOff && transport.supported && hasWayTo(backend);
    const inputs = this.#check(backend, () => this.#inputsOf(request, backend));
    const decision =
      inputs &&
      reporter.tellController(key, () =>
        // `explain` counts nothing: without a handle to pass there will be no attempt.
        canPassHandle ? handle.shouldAttempt(inputs) : handle.explain(inputs).decision,
      );
    return brokerDecision(decision, canPassHandle);
  }

  /** How the broker would answer the next request of a client that supports handoff. Changes nothing. */
  explain(backend: ManagedBackend): BrokerExplanation {
    const inputs = this.#check(backend, () => this.#usualInputs(true, backend));
    const explanation = backend.handle.explain(inputs ?? HandoffAttemptInputs.enabled());
    return explainWith(
      brokerDecision(inputs && explanation.decision, this.#options.transport.supported && hasWayTo(backend)),
      explanation,
    );
  }

  /** Undefined if a check of the embedder fails; the client then reconnects instead of getting an error. */
  #check<T>(backend: ManagedBackend, check: () => T): T | undefined {
    return this.#options.reporter.attempt('checkFailed', 'a check of the embedder', backend.key, check);
  }

  #usualInputs(clientSupportsHandoff: boolean, backend: ManagedBackend): HandoffAttemptInputs {
    return HandoffAttemptInputs.of(
      clientSupportsHandoff,
      backend.handoffEnabled,
      this.#options.pressure.isPressured,
    );
  }

  #inputsOf({ hello, earlyData }: ClientRequest, backend: ManagedBackend): HandoffAttemptInputs {
    const { adjustInputs } = this.#options.settings();
    const inputs = this.#usualInputs(hello.handoff, backend);
    if (adjustInputs === undefined) return inputs;
    const request: AttemptRequest = {
      backend: backend.key,
      connectionId: hello.id,
      requestedVersion: hello.version,
      earlyDataBytes: earlyData.length,
    };
    const answer: unknown = adjustInputs(inputs, request);
    requireNamedValues('the answer of adjustInputs', answer, 'HandoffAttemptInputs, and no promise of it');
    return checkInputs('adjustInputs()', answer);
  }
}

/** Of an adopted process the chart says that there is none. */
function hasWayTo(backend: ManagedBackend): boolean {
  return backend.isAdopted || backend.queue !== undefined;
}
