import type { Broker } from '../../src/broker';

interface Reading {
  adopted: boolean;
  /** Whether what came before isn't known: the broker before this one left a window. */
  isWindowKnown: boolean;
  openedAt: number | undefined;
  failures: number;
}

/** Derives the expected state of each backend's chart from a broker's events alone. */
export class EventLog {
  readonly #broker: Broker;
  readonly #readings = new Map<string, Reading>();

  constructor(broker: Broker) {
    this.#broker = broker;
    for (const { backend, adopted, window } of broker.backends()) {
      const reading = this.#of(backend.serviceName);
      reading.adopted = adopted;
      reading.isWindowKnown = window === undefined;
    }
    broker.on('backendReady', ({ backend, adopted }) => {
      this.#of(backend.serviceName).adopted = adopted;
    });
    broker.on('backendRejoined', ({ backend }) => {
      this.#of(backend.serviceName).adopted = false;
    });
    broker.on('transfer', ({ backend, state, failure }) => {
      const reading = this.#of(backend.serviceName);
      if (state === 'acknowledged') {
        reading.openedAt = undefined;
        reading.failures = 0;
        reading.isWindowKnown = true;
      } else if (failure !== undefined) {
        const now = performance.now();
        const { failedAttemptWindowMs } = broker.controller.policy;
        if (reading.openedAt === undefined || now - reading.openedAt >= failedAttemptWindowMs) {
          reading.openedAt = now;
          reading.failures = 0;
        }
        reading.failures += 1;
      }
    });
  }

  /** Backends whose chart is another one than the events say. Ask when no transfer is in flight. */
  wrongCharts(): string[] {
    const wrong: string[] = [];
    for (const { backend, state, inFlight } of this.#broker.backends()) {
      const { adopted, failures, isWindowKnown } = this.#of(backend.serviceName);
      if (inFlight > 0) continue;
      const isAtMaximum = failures >= this.#broker.controller.policy.maxFailedAttemptsPerWindow;
      // A window that has ended is seen to have ended at the next request only.
      const expected = adopted ? ['adopted'] : isAtMaximum ? ['rateLimited', 'idle'] : ['idle'];
      if (!isWindowKnown && !adopted) expected.push('rateLimited');
      if (!expected.includes(state))
        wrong.push(`${backend.serviceName} is ${state}, not ${expected.join(' or ')}`);
    }
    return wrong;
  }

  #of(service: string): Reading {
    let reading = this.#readings.get(service);
    if (reading === undefined) {
      reading = { adopted: false, isWindowKnown: true, openedAt: undefined, failures: 0 };
      this.#readings.set(service, reading);
    }
    return reading;
  }
}
