import type { Logger } from 'pino';
import type { Broker } from '../../broker';
import { createInspectionRelay, type InspectionRelay, type LeftOut } from '../../inspect';
import { openInBrowser } from './openInBrowser';
import { RouteReports } from './RouteReports';

/** Options of {@link InspectionSwitch}. */
export interface InspectionSwitchOptions {
  /** TCP port on 127.0.0.1; 0: any free one. */
  readonly port: number;
  /** Open Stately's hosted inspector instead of serving the viewer that comes with the package. */
  readonly stately: boolean;
  readonly logger: Logger;
}

/** Attaches the inspection relay to a running broker and detaches it. Detached, it costs nothing. */
export class InspectionSwitch {
  readonly #broker: Broker;
  readonly #options: InspectionSwitchOptions;
  // Reused at the next attach, so that open pages reconnect.
  #port: number;
  #running: { readonly relay: InspectionRelay; readonly reports: RouteReports } | undefined;
  #isClosed = false;
  // Changes run one at a time, in order.
  #changes: Promise<void> = Promise.resolve();

  constructor(broker: Broker, options: InspectionSwitchOptions) {
    this.#broker = broker;
    this.#options = options;
    this.#port = options.port;
  }

  /**
   * Serves the viewer and logs its address.
   * @throws {Error} the port is taken (the promise rejects)
   */
  attach(): Promise<void> {
    return this.#change(() => this.#attach());
  }

  /** Detaches for good: later calls of `attach` and `toggle` do nothing. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#change(() => this.#detach());
  }

  /** Attaches if detached, otherwise detaches. Logs errors, since the sender of a signal gets no answer. */
  toggle(): Promise<void> {
    return this.#change(() => (this.#running === undefined ? this.#attach() : this.#detach())).catch(
      (err: unknown) => this.#options.logger.error({ err }, 'inspection failed'),
    );
  }

  #change(change: () => Promise<void>): Promise<void> {
    const changed = this.#changes.then(change);
    this.#changes = changed.catch(() => {});
    return changed;
  }

  async #attach(): Promise<void> {
    if (this.#running !== undefined || this.#isClosed) return;
    const { logger } = this.#options;
    const relay = await this.#createRelay();
    relay.attach(this.#broker);
    this.#port = Number(new URL(relay.url).port);
    this.#running = { relay, reports: new RouteReports(this.#broker, relay) };
    logger.info({ url: relay.statelyInspectorUrl ?? relay.url }, 'inspection attached');
    if (relay.statelyInspectorUrl !== undefined) void openInBrowser(relay.statelyInspectorUrl, logger);
  }

  async #createRelay(): Promise<InspectionRelay> {
    const { port, stately } = this.#options;
    const options = {
      controller: this.#broker.controller,
      stately,
      onLeftOut: (leftOut: LeftOut) =>
        this.#options.logger.warn(leftOut, 'the inspector refused messages or connections'),
    };
    try {
      return await createInspectionRelay({ ...options, port: this.#port });
    } catch (error) {
      if (this.#port === port) throw error;
      // The option allows any port, and another process has taken the earlier one.
      return createInspectionRelay({ ...options, port });
    }
  }

  async #detach(): Promise<void> {
    if (this.#running === undefined) return;
    const { relay, reports } = this.#running;
    this.#running = undefined;
    reports.end();
    await relay.close();
    this.#options.logger.info('inspection detached');
  }
}
