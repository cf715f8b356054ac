import {
  type BatchObservableResult,
  createNoopMeter,
  type Histogram,
  type Meter,
  type MeterProvider,
  metrics,
  type ObservableCounter,
  type ObservableGauge,
} from '@opentelemetry/api';
import { BACKEND_HANDOFF_STATES, HANDOFF_FAILURES, RECONNECT_REASONS } from '../../machines/vocabulary';
import { invalidType, readGiven, requireObject, unreadable } from '../errors/invalidArgument';
import { onRejection } from '../errors/onRejection';
import { type OptionNames, readOptions } from '../errors/readOptions';
import { showValue } from '../errors/showValue';
import type { BackendKey } from '../index';
import { openFdCount, softFdLimit } from '../net/fdUsage';
import { Broker } from './Broker';
import { BrokerError } from './BrokerError';
import type { RouteEvent, TransferEvent } from './telemetry/BrokerEvents';
import type { BackendStatus } from './telemetry/BrokerStatus';
import { LastingCounts } from './telemetry/LastingCounts';
import type { ServiceCounts } from './telemetry/ServiceCounts';

/** Options of {@link recordBrokerMetrics}. */
export interface BrokerMetricsOptions {
  /**
   * Creates the instruments.
   * @default OpenTelemetry's global provider; if none is set, nothing is recorded
   */
  readonly meterProvider?: MeterProvider | undefined;
}

const OPTION_NAMES: OptionNames<BrokerMetricsOptions> = { meterProvider: true };

const METER = 'handoff-controller';
const METHODS = [
  'createObservableCounter',
  'createObservableGauge',
  'createHistogram',
  'addBatchObservableCallback',
  'removeBatchObservableCallback',
] as const satisfies (keyof Meter)[];

const OBSERVABLE_METHODS = ['addCallback', 'removeCallback'] as const satisfies (keyof ObservableGauge)[];

// From well below the duration of a handoff to the longest deadline.
const SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

const CHART_STATES = Object.keys(BACKEND_HANDOFF_STATES) as BackendStatus['state'][];

/** The totals of all brokers with one `instance`: they share their series. */
interface Recorded {
  readonly counts: LastingCounts;
  isGoingOn: boolean;
}

const recorded = new WeakMap<object, Map<string, Recorded>>();

/** Keyed by provider and meter: wrappers of one provider share the meter, and some providers create a meter for each call. */
function recordedOf(provider: MeterProvider, meter: Meter, instance: string): Recorded {
  const ofProvider = recorded.get(provider) ?? recorded.get(meter) ?? new Map<string, Recorded>();
  recorded.set(provider, ofProvider);
  recorded.set(meter, ofProvider);
  const ofInstance = ofProvider.get(instance) ?? { counts: new LastingCounts(), isGoingOn: false };
  ofProvider.set(instance, ofInstance);
  return ofInstance;
}

function checkMeter(value: unknown): void {
  const field = 'meterProvider.getMeter()';
  const meter = value as Partial<Meter> | null | undefined;
  const isMeter = readGiven(field, () => METHODS.every((name) => typeof meter?.[name] === 'function'));
  if (!isMeter) throw invalidType(field, 'a Meter', value);
}

/** Makes an instrument by one of the meter's methods, and checks that it has the methods of one. */
function instrumentOf<T extends Histogram | ObservableCounter | ObservableGauge>(
  method: string,
  make: () => T,
  methods: readonly (keyof T & string)[],
): T {
  const field = `meterProvider.getMeter().${method}()`;
  const made = readGiven(field, make);
  const given = made as Partial<Record<keyof T, unknown>> | null | undefined;
  const isInstrument = readGiven(field, () => methods.every((name) => typeof given?.[name] === 'function'));
  if (!isInstrument) throw invalidType(field, `an instrument with ${methods.join(' and ')}`, made);
  return made;
}

/** Calls a method of the meter. A promise that it returns against its type is nobody else's to handle. */
function settle(method: string, call: () => unknown): void {
  const field = `meterProvider.getMeter().${method}()`;
  onRejection(readGiven(field, call), (cause) =>
    process.emitWarning(unreadable(field, cause).message, { type: 'HandoffBrokerWarning' }),
  );
}

/** Reports a counter's value. */
type ObserveCount = (counter: ObservableCounter, count: number, labels: Record<string, string>) => void;

/** The labels of a backend. All come from the configuration; none from a client. */
function labelsOf({ instance, serviceName, serviceVersion, replica = 1 }: BackendKey) {
  return { broker: instance, service: serviceName, version: serviceVersion, replica: String(replica) };
}

/**
 * Records a broker's metrics through the OpenTelemetry API. `docs/observability.md` lists the instruments, units and labels.
 * Counts are read at collection and cost a request nothing; the two histograms cost a few microseconds for each request.
 *
 * Brokers recorded with one provider at the same time need different `instance`s. A broker that is recorded after the
 * recording of another one with the same `instance` has ended continues its counts.
 *
 * @returns a function that ends the recording.
 * @throws {TypeError} an argument is invalid, or an option is unknown.
 * @throws {BrokerError} `alreadyRecorded`: this broker, or one with the same `instance`, is recorded with the provider.
 */
export function recordBrokerMetrics(broker: Broker, options: BrokerMetricsOptions = {}): () => void {
  if (!readGiven('broker', () => broker instanceof Broker)) throw invalidType('broker', 'a Broker', broker);
  const { meterProvider = metrics.getMeterProvider() } = readOptions<BrokerMetricsOptions>(
    'options',
    options,
    OPTION_NAMES,
  );
  const provider: { readonly getMeter?: unknown } = requireObject('meterProvider', meterProvider);
  const getMeter = readGiven('meterProvider.getMeter', () => provider.getMeter);
  if (typeof getMeter !== 'function') throw invalidType('meterProvider.getMeter', 'a function', getMeter);
  const meter = readGiven('meterProvider.getMeter()', () => meterProvider.getMeter(METER));
  // A no-op meter records nothing, so equal instances can't be mixed up.
  if (meter === createNoopMeter()) return () => {};
  checkMeter(meter);
  const { instance } = broker;
  const ofInstance = recordedOf(meterProvider, meter, instance);
  if (ofInstance.isGoingOn) {
    throw new BrokerError(
      'alreadyRecorded',
      `a broker with the instance ${showValue(instance)} is recorded with this meter provider already: give one of the two another instance, or end that recording first`,
    );
  }
  // The unit is part of the name, since only some Prometheus exporters append it.
  const counterNames = new Map<ObservableCounter, string>();
  const counter = (name: string, unit: string, description: string) => {
    const made = instrumentOf(
      'createObservableCounter',
      () => meter.createObservableCounter(`handoff.${name}`, { unit, description }),
      OBSERVABLE_METHODS,
    );
    counterNames.set(made, name);
    return made;
  };
  const gauge = (name: string, unit: string, description: string) =>
    instrumentOf(
      'createObservableGauge',
      () => meter.createObservableGauge(`handoff.${name}`, { unit, description }),
      OBSERVABLE_METHODS,
    );
  const histogram = (name: string, description: string) =>
    instrumentOf(
      'createHistogram',
      () =>
        meter.createHistogram(`handoff.${name}`, {
          unit: 's',
          description,
          advice: { explicitBucketBoundaries: SECONDS },
        }),
      ['record'],
    );

  const decisions = counter('decisions', '{request}', 'Requests by route and reason');
  const attempts = counter('attempts', '{attempt}', 'Attempts to hand a connection over');
  const failures = counter('attempt.failures', '{attempt}', 'Failed attempts');
  const connections = counter('connections', '{connection}', 'Connections accepted from clients');
  const clientErrors = counter('client.errors', '{error}', 'Error frames sent to clients');
  const clientsLeft = counter('clients.left', '{client}', 'Clients that left before their route was decided');
  const abandoned = counter('attempts.abandoned', '{attempt}', 'Attempts with neither success nor failure');
  const lateAcks = counter('acks.late', '{ack}', 'Acknowledgements after the deadline');
  const unknownAcks = counter('acks.unknown', '{ack}', 'Answers of backends for an unknown transfer');
  const replayedAcks = counter('acks.replayed', '{ack}', 'Repeated answers of backends for a transfer');
  const foreignAcks = counter(
    'acks.foreign',
    '{ack}',
    'Answers of backends for another backend\u2019s transfer',
  );
  const malformedAcks = counter('acks.malformed', '{ack}', 'Malformed answers of backends');
  const acks = [lateAcks, unknownAcks, replayedAcks, foreignAcks, malformedAcks];
  const counts = [connections, clientErrors, clientsLeft, abandoned, ...acks];

  const backends = gauge('backends', '{backend}', 'Backends by state of their chart');
  const rateLimited = gauge(
    'backend.rate_limited',
    '1',
    '1 while the window\u2019s budget is used up, else 0',
  );
  const ready = gauge(
    'backend.ready',
    '{boolean}',
    '1 while the backend\u2019s process accepts connections, else 0',
  );
  const windowFailures = gauge('window.failures', '{attempt}', 'Failed attempts counted in the open window');
  const windowRemaining = gauge('window.remaining_seconds', 's', 'Time until the open window ends');
  const inFlight = gauge('transfers.in_flight', '{transfer}', 'Transfers that have not ended');
  const queued = gauge('transfers.queued', '{transfer}', 'Transfers that wait in a queue');
  const fdOpen = gauge('fd.open', '{fd}', 'Open file descriptors of the broker\u2019s process');
  const fdLimit = gauge('fd.limit', '{fd}', 'Limit of open file descriptors of the broker\u2019s process');
  const gauges = [backends, rateLimited, ready, windowFailures, windowRemaining, inFlight, queued];

  const transferSeconds = histogram('transfer.duration_seconds', 'From a transfer\u2019s issue to its end');
  const routeSeconds = histogram(
    'route.duration_seconds',
    'From a client\u2019s hello to the decision on its route',
  );

  const observeServiceCounts = (observe: ObserveCount, counts: ServiceCounts): void => {
    const labels = labelsOf(counts.key);
    const { handedOff, reconnected } = counts;
    observe(decisions, handedOff, { ...labels, route: 'handedOff', reason: 'none' });
    // Include reasons with count 0: an alert on an increase would miss a series' first value.
    for (const reason of RECONNECT_REASONS) {
      observe(decisions, reconnected.get(reason) ?? 0, { ...labels, route: 'reconnected', reason });
    }
    observe(attempts, counts.attempts, labels);
    for (const failure of HANDOFF_FAILURES) {
      observe(failures, reconnected.get(failure) ?? 0, { ...labels, failure });
    }
  };

  const observeCounts = (observe: ObserveCount): void => {
    const labels = { broker: instance };
    for (const counts of broker.serviceCounts()) observeServiceCounts(observe, counts);
    const stats = broker.stats();
    observe(connections, stats.connections, labels);
    observe(clientsLeft, stats.clientsLeft, labels);
    observe(abandoned, stats.abandoned, labels);
    observe(lateAcks, stats.lateAcks, labels);
    observe(unknownAcks, stats.unknownAcks, labels);
    observe(replayedAcks, stats.replayedAcks, labels);
    observe(foreignAcks, stats.foreignAcks, labels);
    observe(malformedAcks, stats.malformedAcks, labels);
    for (const [code, count] of Object.entries(stats.errors)) {
      observe(clientErrors, count, { ...labels, code });
    }
  };

  const lastingCount: (...count: Parameters<ObserveCount>) => number = (of, count, labels) => {
    const series = JSON.stringify([counterNames.get(of), labels]);
    return ofInstance.counts.take(broker, series, count);
  };

  /** @param statuses the backends with this key: none after removal, two while one retires and its service was added again. */
  const observeService = (
    result: BatchObservableResult,
    key: BackendKey,
    statuses: readonly BackendStatus[],
  ): void => {
    const labels = labelsOf(key);
    const sum = (of: (status: BackendStatus) => number): number =>
      statuses.reduce((total, status) => total + of(status), 0);
    // Backends with one key share one chart.
    const [status] = statuses;
    result.observe(rateLimited, Number(status?.state === 'rateLimited'), labels);
    result.observe(ready, Number(statuses.some(({ process }) => process === 'ready')), labels);
    result.observe(windowFailures, status?.window?.failedAttempts ?? 0, labels);
    result.observe(windowRemaining, (status?.window?.remainingMs ?? 0) / 1000, labels);
    result.observe(
      inFlight,
      sum((each) => each.inFlight),
      labels,
    );
    result.observe(
      queued,
      sum((each) => each.queued),
      labels,
    );
  };

  const observe = (result: BatchObservableResult): void => {
    observeCounts((of, count, labels) => result.observe(of, lastingCount(of, count, labels), labels));
    const statuses = broker.backends();
    // Include removed services: a provider keeps reporting a gauge's last value.
    for (const { key } of broker.serviceCounts()) {
      const ofService = statuses.filter(
        ({ backend }) =>
          backend.serviceName === key.serviceName &&
          backend.serviceVersion === key.serviceVersion &&
          backend.replica === key.replica,
      );
      observeService(result, key, ofService);
    }
    for (const state of CHART_STATES) {
      const count = statuses.filter((status) => status.state === state).length;
      result.observe(backends, count, { broker: instance, state });
    }
    const open = openFdCount();
    if (open !== undefined) result.observe(fdOpen, open);
    const limit = softFdLimit();
    if (limit !== undefined) result.observe(fdLimit, limit);
  };

  // They return what `record` does: if it's a promise that rejects, the broker tells of it.
  const onTransfer = ({ backend, state, elapsedMs, failure }: TransferEvent): unknown => {
    if (state !== 'acknowledged' && state !== 'failed' && state !== 'abandoned') return undefined;
    return transferSeconds.record(elapsedMs / 1000, { ...labelsOf(backend), outcome: failure ?? state });
  };
  const onRoute = ({ backend, route, elapsedMs }: RouteEvent): unknown =>
    routeSeconds.record(elapsedMs / 1000, { ...labelsOf(backend), route });

  const observed = [decisions, attempts, failures, ...counts, ...gauges, fdOpen, fdLimit];
  settle('addBatchObservableCallback', () => meter.addBatchObservableCallback(observe, observed));
  broker.on('transfer', onTransfer);
  broker.on('route', onRoute);
  ofInstance.isGoingOn = true;
  let hasEnded = false;
  return () => {
    if (hasEnded) return;
    hasEnded = true;
    broker.off('transfer', onTransfer);
    broker.off('route', onRoute);
    // Take the counts since the last collection.
    observeCounts(lastingCount);
    ofInstance.isGoingOn = false;
    settle('removeBatchObservableCallback', () => meter.removeBatchObservableCallback(observe, observed));
  };
}
