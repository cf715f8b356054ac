import { once } from 'node:events';
import type { MeterProvider as AnyMeterProvider } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { type Broker, type BrokerOptions, recordBrokerMetrics } from '../../src/broker';
import { ServiceCounts } from '../../src/broker/telemetry/ServiceCounts';
import { serveMetrics } from '../../src/cli/broker/serveMetrics';
import { eventually } from '../support/eventually';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { dial, echo, settled } from './support/echo';
import { readAll, readBytes } from './support/readAll';
import { type Sample, samplesOf, scrape } from './support/scrape';
import { fixtureService } from './support/TestBrokers';

function seriesOf({ name, labels }: Sample): string {
  return JSON.stringify([name, Object.entries(labels).sort()]);
}

/** A provider that Prometheus asks. Each time no counter may have gone down, and no series may be there twice. */
class Prometheus {
  readonly #exporter = new PrometheusExporter({ preventServerStart: true });
  readonly #serializer = new PrometheusSerializer('', false, undefined, true, true);
  readonly #before = new Map<string, number>();
  readonly provider = new MeterProvider({ readers: [this.#exporter] });

  async samples(): Promise<Sample[]> {
    const { resourceMetrics, errors } = await this.#exporter.collect();
    expect(errors).toEqual([]);
    const samples = samplesOf(this.#serializer.serialize(resourceMetrics));
    const series = samples.map(seriesOf);
    expect(series).toEqual([...new Set(series)]);
    for (const sample of samples) {
      if (!/_(total|count|bucket)$/.test(sample.name)) continue;
      const key = seriesOf(sample);
      const before = this.#before.get(key) ?? 0;
      if (sample.value < before) throw new Error(`${key} went down from ${before} to ${sample.value}`);
      this.#before.set(key, sample.value);
    }
    return samples;
  }

  /** The values of a metric, one for each of its series that has these labels. */
  async values(name: string, labels: Record<string, string> = {}): Promise<number[]> {
    const samples = (await this.samples()).filter(
      (sample) =>
        sample.name === `handoff_${name}` &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    return samples.map(({ value }) => value);
  }

  /** Attempts, requests handed over, connections, and clients' latencies. */
  async counts(instance = 'shared'): Promise<number[]> {
    const labels = { broker: instance };
    return [
      await this.values('attempts_total', labels),
      await this.values('decisions_total', { ...labels, route: 'handedOff' }),
      await this.values('connections_total', labels),
      await this.values('route_duration_seconds_count', labels),
    ].flat();
  }
}

describe('brokers with one meter provider', () => {
  const brokers = brokersOfEachTest();
  let prometheus: Prometheus;
  beforeEach(() => {
    prometheus = new Prometheus();
    brokers.atEnd(() => prometheus.provider.shutdown());
  });

  const record = (broker: Broker, meterProvider: AnyMeterProvider = prometheus.provider) => {
    const end = recordBrokerMetrics(broker, { meterProvider });
    brokers.atEnd(end);
    return end;
  };
  const echoes = async (broker: Broker, times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) await echo(broker);
  };
  const alreadyRecorded = expect.objectContaining({
    name: 'BrokerError',
    code: 'alreadyRecorded',
    message: expect.stringContaining('the instance "shared"'),
  });

  it('are distinguished by their instances', async () => {
    const one = await brokers.start({ instance: 'one' });
    const other = await brokers.start({ instance: 'other' });
    record(one);
    record(other);
    await echoes(one, 1);
    await echoes(other, 3);
    expect(await prometheus.counts('one')).toEqual([1, 1, 1, 1]);
    expect(await prometheus.counts('other')).toEqual([3, 3, 3, 3]);
    await echoes(one, 1);
    expect(await prometheus.counts('one')).toEqual([2, 2, 2, 2]);
    expect(await prometheus.counts('other')).toEqual([3, 3, 3, 3]);
  });

  it('are refused with the same instance at the same time', async () => {
    const one = await brokers.start();
    const other = await brokers.start();
    const end = record(one);
    const inWrapper = { getMeter: (name: string) => prometheus.provider.getMeter(name) };
    for (const broker of [one, other]) {
      for (const provider of [prometheus.provider, inWrapper]) {
        expect(() => record(broker, provider)).toThrow(alreadyRecorded);
      }
    }
    await echoes(one, 2);
    await echoes(other, 1);
    expect(await prometheus.counts()).toEqual([2, 2, 2, 2]);
    end();
    record(other);
    // What has ended doesn't end what came after it.
    end();
    expect(() => record(one)).toThrow(alreadyRecorded);
    expect(await prometheus.counts()).toEqual([3, 3, 3, 2]);
  });

  it('are refused by a provider that makes a meter for each call, too', async () => {
    const broker = await brokers.start();
    const provider = { getMeter: (name: string) => Object.create(prometheus.provider.getMeter(name)) };
    record(broker, provider);
    expect(() => record(broker, provider)).toThrow(alreadyRecorded);
  });

  it('are not refused with one provider each, or while nothing is recorded', async () => {
    const broker = await brokers.start();
    const other = new Prometheus();
    brokers.atEnd(() => other.provider.shutdown());
    record(broker);
    record(broker, other.provider);
    await echoes(broker, 1);
    expect(await prometheus.counts()).toEqual([1, 1, 1, 1]);
    expect(await other.counts()).toEqual([1, 1, 1, 1]);
    // There is no global provider.
    const ends = [recordBrokerMetrics(broker), recordBrokerMetrics(broker)];
    for (const end of ends) end();
    expect(() => record(broker, { getMeter: () => undefined as never })).toThrow(
      'meterProvider.getMeter() must be a Meter, but is undefined',
    );
  });

  it.each([
    ['before it stops', true],
    ['after it has stopped', false],
  ])('continue the counts of a recording that ends %s', async (_, isBefore) => {
    const one = await brokers.start();
    const end = record(one);
    await echoes(one, 2);
    expect(await prometheus.counts()).toEqual([2, 2, 2, 2]);
    // Nobody asks between this and the end.
    await echoes(one, 1);
    if (isBefore) end();
    await one.stop();
    if (!isBefore) {
      expect(await prometheus.counts()).toEqual([3, 3, 3, 3]);
      expect(await prometheus.values('backend_ready')).toEqual([0]);
      expect(() => record(one)).toThrow(alreadyRecorded);
      end();
    }
    const next = await brokers.start({ services: [fixtureService(), fixtureService('echo', { name: 'b' })] });
    const endNext = record(next);
    expect(await prometheus.values('attempts_total', { service: 'echo' })).toEqual([3]);
    await echoes(next, 2);
    await echo(next, 'x', { service: 'b' });
    expect(await prometheus.values('attempts_total', { service: 'echo' })).toEqual([5]);
    expect(await prometheus.values('attempts_total', { service: 'b' })).toEqual([1]);
    expect(await prometheus.values('connections_total')).toEqual([6]);
    // A code that the next one hasn't sent goes on from the last one's as well.
    await expect(dial(next, { service: 'none' })).rejects.toMatchObject({ code: 'unknownService' });
    expect(await prometheus.values('client_errors_total')).toEqual([1]);
    endNext();
    const last = await brokers.start();
    record(last);
    await expect(dial(last, { service: 'none' })).rejects.toMatchObject({ code: 'unknownService' });
    expect(await prometheus.values('client_errors_total')).toEqual([2]);
  });

  it('count nothing twice when their recordings restart in turn', async () => {
    const one = await brokers.start();
    const other = await brokers.start();
    let handedOver = 0;
    for (const broker of [one, one, other, one, other, other]) {
      const end = record(broker);
      await echoes(broker, 1);
      handedOver += 1;
      expect(await prometheus.counts()).toEqual([handedOver, handedOver, handedOver, handedOver]);
      end();
    }
  });

  describe('whose services come and go', () => {
    let options: BrokerOptions;
    let broker: Broker;
    const kept = fixtureService('echo', { name: 'kept' });
    const reload = (...services: BrokerOptions['services']) => broker.reload({ ...options, services });
    /** Its backend ends soon: it waits for clients as long as a transfer may take, and a second. */
    const takeEchoAway = async (): Promise<void> => {
      await reload(kept, fixtureService('echo', { ackDeadlineMs: 1 }));
      await reload(kept);
    };

    beforeEach(async () => {
      options = {
        socketPath: brokers.path('broker.sock'),
        services: [kept, fixtureService()],
        ackDeadlineMs: 60_000,
        startTimeoutMs: 60_000,
        helloTimeoutMs: 60_000,
        stopTimeoutMs: 20_000,
      };
      broker = await brokers.start(options);
      record(broker);
    });

    const ofEcho = async () => {
      const labels = { service: 'echo' };
      return [
        await prometheus.values('attempts_total', labels),
        await prometheus.values('decisions_total', { ...labels, route: 'handedOff' }),
        await prometheus.values('backend_ready', labels),
      ].flat();
    };

    it('a service that is removed and added again continues its counts', async () => {
      await echoes(broker, 2);
      expect(await ofEcho()).toEqual([2, 2, 1]);
      // Nobody asks between this and the end of the backend.
      await echoes(broker, 1);
      const exited = once(broker, 'backendExit');
      await takeEchoAway();
      await exited;
      await eventually('one backend to be left', () => broker.backends().length === 1);
      expect(await ofEcho()).toEqual([3, 3, 0]);
      await reload(kept, fixtureService());
      expect(await ofEcho()).toEqual([3, 3, 1]);
      await echoes(broker, 1);
      expect(await ofEcho()).toEqual([4, 4, 1]);
      expect(broker.backends().find(({ backend }) => backend.serviceName === 'echo')).toMatchObject({
        attempts: 4,
        routes: { handedOff: 4 },
      });
    });

    it('a retiring backend and its replacement count together', async () => {
      const open = await dial(options, { allowHalfOpen: true });
      brokers.atEnd(() => open.socket.destroy());
      await settled(broker);
      const exited = once(broker, 'backendExit');
      await takeEchoAway();
      expect(await ofEcho()).toEqual([1, 1, 0]);
      await reload(kept, fixtureService());
      expect(broker.backends()).toHaveLength(3);
      expect(await ofEcho()).toEqual([1, 1, 1]);
      await echoes(broker, 2);
      expect(await ofEcho()).toEqual([3, 3, 1]);
      open.socket.write('still there');
      expect(String(await readBytes(open.socket, 11))).toBe('still there');
      open.socket.end();
      await readAll(open.socket);
      await exited;
      await eventually('two backends to be left', () => broker.backends().length === 2);
      expect(await ofEcho()).toEqual([3, 3, 1]);
    });

    it('a start that fails leaves the counts as they are', async () => {
      await echoes(broker, 2);
      const exited = once(broker, 'backendExit');
      await takeEchoAway();
      await exited;
      await expect(reload(kept, fixtureService('exitAtOnce'))).rejects.toMatchObject({ code: 'startFailed' });
      expect(await ofEcho()).toEqual([2, 2, 0]);
    });

    it('a backend that the controller forgets keeps its counts', async () => {
      await echoes(broker, 2);
      for (const backend of [...broker.controller.backends()]) broker.controller.forget(backend);
      expect(await ofEcho()).toEqual([2, 2, 1]);
      await echoes(broker, 1);
      expect(await ofEcho()).toEqual([3, 3, 1]);
    });
  });

  it('may have more series than a provider keeps apart by itself, at the metrics endpoint', async () => {
    const broker = await brokers.start();
    const services = Array.from({ length: 400 }, (_, index) => {
      const key = { instance: 'shared', serviceName: 'echo', serviceVersion: `2.0.${index}` };
      return new ServiceCounts(key);
    });
    // As after as many reloads.
    jest.spyOn(broker, 'serviceCounts').mockReturnValue(services);
    const metrics = serveMetrics(broker, { onTurnedAway: () => {} });
    brokers.atEnd(() => metrics.close());
    const at = brokers.path('metrics.sock');
    await metrics.move({ socketPath: at }, () => Promise.resolve());
    for (const round of [1, 2]) {
      for (const [index, counts] of services.entries()) {
        for (let request = 0; request <= index % 7; request += 1) counts.countRoute('handedOff');
      }
      const samples = await scrape(at);
      for (const [index] of services.entries()) {
        const sample = samples.find(
          ({ name, labels: { version, route } }) =>
            name === 'handoff_decisions_total' && version === `2.0.${index}` && route === 'handedOff',
        );
        expect(sample?.value).toBe(round * ((index % 7) + 1));
      }
    }
  });
});
