import type { EventEmitter } from 'node:events';
import { onRejection } from '../../errors/onRejection';
import { messageOf, stackOf } from '../../errors/showValue';
import type { BackendKey } from '../../index';
import type { BrokerEvents, BrokerWarning, BrokerWarningCode } from './BrokerEvents';

/** Emits a broker's events and warnings. Errors of listeners never reach the caller. */
export class BrokerReporter {
  readonly #emitter: EventEmitter<BrokerEvents>;
  // Warnings of the start, kept until the embedder could add a listener.
  #early: BrokerWarning[] | undefined = [];

  constructor(emitter: EventEmitter<BrokerEvents>) {
    this.#emitter = emitter;
  }

  hasListener(event: keyof BrokerEvents): boolean {
    return this.#emitter.listenerCount(event) > 0;
  }

  /** Calls each listener separately: `EventEmitter.emit` would skip those after one that throws. */
  emit<K extends keyof BrokerEvents>(event: K, argument: BrokerEvents[K][0]): void {
    for (const listener of this.#emitter.rawListeners(event)) {
      try {
        // TypeScript can't derive the listener's type from the indexed event map.
        const returned = (listener as (argument: BrokerEvents[K][0]) => unknown).call(
          this.#emitter,
          argument,
        );
        onRejection(returned, (cause) => this.#onListenerFailed(event, cause));
      } catch (cause) {
        this.#onListenerFailed(event, cause);
      }
    }
  }

  /** Emits a warning, or keeps it until {@link releaseWarnings} is called. */
  warn(warning: BrokerWarning): void {
    if (this.#early === undefined) this.emit('warning', warning);
    else this.#early.push(warning);
  }

  /** Warns of a failure; prints it with `process.emitWarning` if `warning` has no listener, so that it isn't lost. */
  warnOfFailure(code: BrokerWarningCode, what: string, cause: unknown, backend?: BackendKey): void {
    const warning = {
      code,
      message: `${what} failed: ${messageOf(cause)}`,
      cause,
      ...(backend === undefined ? {} : { backend }),
    };
    if (this.#early === undefined && !this.hasListener('warning')) printWarning(warning);
    else this.warn(warning);
  }

  /** The result of `work`; undefined, with a warning, if it throws. */
  attempt<T>(code: BrokerWarningCode, what: string, backend: BackendKey, work: () => T): T | undefined {
    try {
      return work();
    } catch (cause) {
      this.warnOfFailure(code, what, cause, backend);
      return undefined;
    }
  }

  /** Calls the controller; undefined if it throws: the embedder disposed of it, or the call comes from one of its observers. */
  tellController<T>(backend: BackendKey, tell: () => T): T | undefined {
    return this.attempt('internalError', 'the controller', backend, tell);
  }

  /** Emits the kept warnings; later ones are emitted at once. */
  releaseWarnings(): void {
    const warnings = this.#early ?? [];
    this.#early = undefined;
    for (const warning of warnings) this.emit('warning', warning);
  }

  #onListenerFailed(event: keyof BrokerEvents, cause: unknown): void {
    const what = `a listener of the event ${event}`;
    if (event !== 'warning') this.warnOfFailure('listenerFailed', what, cause);
    else printWarning({ code: 'listenerFailed', message: `${what} failed: ${messageOf(cause)}`, cause });
  }
}

function printWarning({ code, message, cause }: Pick<BrokerWarning, 'code' | 'message' | 'cause'>): void {
  const detail = stackOf(cause);
  process.emitWarning(message, { type: 'HandoffBrokerWarning', code, ...(detail && { detail }) });
}
