import type { Broker, RouteEvent } from '../../broker';
import type { InspectionRelay } from '../../inspect';

const REPORT_EVERY_MS = 1000;

/** Reports the number of clients on each route to a relay every second, without latencies, which only clients know. */
export class RouteReports {
  readonly #broker: Broker;
  readonly #timer: NodeJS.Timeout;
  #counts = { handedOff: 0, reconnected: 0 };
  #since = performance.now();

  constructor(broker: Broker, relay: InspectionRelay) {
    this.#broker = broker;
    broker.on('route', this.#onRoute);
    this.#timer = setInterval(() => this.#report(relay), REPORT_EVERY_MS);
    this.#timer.unref();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#broker.off('route', this.#onRoute);
  }

  readonly #onRoute = ({ route }: RouteEvent): void => {
    this.#counts[route] += 1;
  };

  #report(relay: InspectionRelay): void {
    const { handedOff, reconnected } = this.#counts;
    const now = performance.now();
    relay.reportRoutes({
      at: Date.now(),
      intervalMs: now - this.#since,
      handedOff: { count: handedOff },
      reconnected: { count: reconnected },
    });
    this.#counts = { handedOff: 0, reconnected: 0 };
    this.#since = now;
  }
}
