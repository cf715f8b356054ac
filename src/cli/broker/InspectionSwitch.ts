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

/** Attaches the inspection relay to a running broker and detaches it again. While it's off, nobody can watch and nothing is paid. */
export class InspectionSwitch {
  readonly #broker: Broker;
  readonly #options: InspectionSwitchOptions;
  // Kept from one time to the next, so that pages that were open come back by themselves.
  #port: number;
  #running: { readonly relay: InspectionRelay; readonly reports: RouteReports } | undefined;
  #isClosed = false;
  // One change at a time, in the order in which they were asked for.
  #changes: Promise<void> = Promise.resolve();

  constructor(broker: Broker, options: InspectionSwitchOptions) {
    this.#broker = broker;
    this.#options = options;
    this.#port = options.port;
  }

  /**
   * Serves the viewer, and logs where it is.
   * @throws Error the port is taken (the promise rejects)
   */
  attach(): Promise<void> {
    return this.#change(() => this.#attach());
  }

  /** Disconnects everybody who watches, for good: whoever asks for it later gets nothing. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#change(() => this.#detach());
  }

  /** Attaches if it's detached, and the other way round. What goes wrong is logged: whoever sent the signal gets no answer. */
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
        this.#options.logger.warn(leftOut, 'the inspector refused what it was sent'),
    };
    try {
      return await createInspectionRelay({ ...options, port: this.#port });
    } catch (error) {
      if (this.#port === port) throw error;
      // Any free one was asked for, and somebody has taken the one that it was.
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
