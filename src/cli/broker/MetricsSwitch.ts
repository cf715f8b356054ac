import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Broker } from '../../broker';
import type { MetricsAddress, MetricsEndpoint } from './serveMetrics';

/** Serves a broker's metrics where its configuration says, which may change. */
export class MetricsSwitch {
  readonly #broker: Broker;
  readonly #logger: Logger;
  #endpoint: MetricsEndpoint | undefined;
  #present: MetricsAddress | undefined;
  // One at a time, in the order in which they were asked for.
  #changes: Promise<unknown> = Promise.resolve();

  constructor(broker: Broker, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
  }

  /**
   * Goes over to another address, or to none, together with a change of other things: both succeed, or none.
   * @throws Error the address can't be listened on, or what `change` throws (the promise rejects)
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
    this.#logger.info({ address }, address === undefined ? 'serving no metrics any more' : 'serving metrics');
    return changed;
  }

  async close(): Promise<void> {
    await this.#changes;
    await this.#endpoint?.close();
  }

  /** Only where it's asked for: it takes memory, and time to load. */
  async #load(): Promise<MetricsEndpoint> {
    if (this.#endpoint !== undefined) return this.#endpoint;
    const { serveMetrics } = await import('./serveMetrics.js');
    this.#endpoint = serveMetrics(this.#broker, {
      onTurnedAway: (connections) =>
        this.#logger.warn({ connections }, 'connections for metrics were closed, since there were too many'),
    });
    return this.#endpoint;
  }
}
