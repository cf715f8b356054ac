import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Broker } from '../../broker';
import type { MetricsAddress, MetricsEndpoint } from './serveMetrics';

/** Serves a broker's metrics at its configuration's address, which may change. */
export class MetricsSwitch {
  readonly #broker: Broker;
  readonly #logger: Logger;
  #endpoint: MetricsEndpoint | undefined;
  #present: MetricsAddress | undefined;
  // Changes run one at a time, in order.
  #changes: Promise<unknown> = Promise.resolve();

  constructor(broker: Broker, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
  }

  /**
   * Moves to another address, or to none, and runs `change`. Either both succeed or neither.
   * @throws {Error} can't listen on the address, or `change` failed (the promise rejects)
   */
  change<T>(to: MetricsAddress | undefined, change: () => Promise<T>): Promise<T> {
    const changed = this.#changes.then(() => this.#change(to, change));
    this.#changes = changed.catch(() => {});
    return changed;
  }

  async #change<T>(to: MetricsAddress | undefined, change: () => Promise<T>): Promise<T> {
    if (isDeepStrictEqual(to, this.#present)) return change();
    const endpoint = await this.#load();
    const changed = await endpoint.move(to, change);
    this.#present = to;
    const { address } = endpoint;
    this.#logger.info({ address }, address === undefined ? 'no longer serving metrics' : 'serving metrics');
    return changed;
  }

  async close(): Promise<void> {
    await this.#changes;
    await this.#endpoint?.close();
  }

  /** Loads the module on demand: it takes memory and time. */
  async #load(): Promise<MetricsEndpoint> {
    if (this.#endpoint !== undefined) return this.#endpoint;
    const { serveMetrics } = await import('./serveMetrics.js');
    this.#endpoint = serveMetrics(this.#broker, {
      onTurnedAway: (connections) =>
        this.#logger.warn({ connections }, 'closed metrics connections: too many were open'),
    });
    return this.#endpoint;
  }
}
