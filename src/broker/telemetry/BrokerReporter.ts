import type { EventEmitter } from 'node:events';
import { onRejection } from '../../errors/onRejection';
import { messageOf, stackOf } from '../../errors/showValue';
import type { BackendKey } from '../../index';
import type { BrokerEvents, BrokerWarning, BrokerWarningCode } from './BrokerEvents';

/** Emits a broker's events and warnings. Nothing that a listener does reaches the caller. */
export class BrokerReporter {
  readonly #emitter: EventEmitter<BrokerEvents>;
  // Warnings of the start, until somebody can have begun to listen.
  #early: BrokerWarning[] | undefined = [];

  constructor(emitter: EventEmitter<BrokerEvents>) {
    this.#emitter = emitter;
  }

  hasListener(event: keyof BrokerEvents): boolean {
    return this.#emitter.listenerCount(event) > 0;
  }

  /** Calls each listener by itself: `emit` would leave out those that come after one that throws. */
  emit<K extends keyof BrokerEvents>(event: K, argument: BrokerEvents[K][0]): void {
    for (const listener of this.#emitter.rawListeners(event)) {
      try {
        // The map of events says so, which TypeScript can't follow through the index.
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

  /** Emits a warning; keeps it until {@link releaseWarnings} if that wasn't called yet. */
  warn(warning: BrokerWarning): void {
    if (this.#early === undefined) this.emit('warning', warning);
    else this.#early.push(warning);
  }

  /** Something of the embedder's failed, or of ours: a failure that nobody listens for must not go unseen either. */
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

  /** The result of `work`; undefined if it throws, which is a warning. */
  attempt<T>(code: BrokerWarningCode, what: string, backend: BackendKey, work: () => T): T | undefined {
    try {
      return work();
    } catch (cause) {
      this.warnOfFailure(code, what, cause, backend);
      return undefined;
    }
  }

  /** Undefined if the controller can't be told, since the embedder disposed it or calls from one of its observers. */
  tellController<T>(backend: BackendKey, tell: () => T): T | undefined {
    return this.attempt('internalError', 'the controller', backend, tell);
  }

  /** Emits the warnings that were kept, and from now on each at once. */
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
