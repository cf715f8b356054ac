import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { LosslessReport } from '../fixtures/clients/losslessClient';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { report } from '../support/report';
import { requirePid } from '../support/requirePid';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { settled } from './support/echo';
import { fixtureService, type TestBrokers } from './support/TestBrokers';

const CLIENTS = 2;
const CONNECTIONS_PER_CLIENT = 10_500;
const CONCURRENCY = 12;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('every byte arrives, once and in order', () => {
  const brokers = brokersOfEachTest();

  it(`over ${CLIENTS * CONNECTIONS_PER_CLIENT} connections`, async () => {
    const totalsPath = brokers.path('totals');
    const broker = await brokers.start({
      services: [
        fixtureService('', {
          module: compiled('test/fixtures/backends/countingBackend.ts'),
          env: { TOTALS: totalsPath },
        }),
      ],
    });
    const startedAt = performance.now();
    const reports = await Promise.all(
      Array.from({ length: CLIENTS }, (_, index) => runClient(brokers, broker.socketPath, index + 1)),
    );
    const seconds = (performance.now() - startedAt) / 1000;

    process.kill(requirePid(broker.backends()[0]?.pid), 'SIGUSR2');
    const atBackend = await eventually('the backend\u2019s totals', () =>
      JSON.parse(readFileSync(totalsPath, 'utf8')),
    );
    await settled(broker);
    const stats = broker.stats();

    const connections = sum(reports.map((report) => report.connections));
    const sent = sum(reports.map((report) => report.bytesSent));
    const received = sum(reports.map((report) => report.bytesReceived));
    const handedOff = sum(reports.map((report) => report.handedOff));
    const reconnected = sum(reports.map((report) => report.reconnected));
    report(
      `lossless: ${connections} connections (${handedOff} handed off, ${reconnected} reconnected) in ${seconds.toFixed(1)} s: ` +
        `${sent} bytes sent, ${atBackend.bytes} at the backend, ${received} back`,
    );
    expect(reports.flatMap((report) => report.wrong)).toEqual([]);
    expect(connections).toBe(CLIENTS * CONNECTIONS_PER_CLIENT);
    expect(atBackend).toEqual({ handedOff, reconnected, bytes: sent });
    expect(received).toBe(sent);
    expect(handedOff + reconnected).toBe(connections);
    // Whoever wants to be handed over is.
    expect(stats).toMatchObject({ handedOff, reconnected: { clientUnsupported: reconnected } });
    expect(stats).toMatchObject({ lateAcks: 0, unknownAcks: 0, errors: {} });
  });
});

async function runClient(brokers: TestBrokers, socketPath: string, seed: number): Promise<LosslessReport> {
  const child = fork(compiled('test/fixtures/clients/losslessClient.ts'), [
    socketPath,
    String(CONNECTIONS_PER_CLIENT),
    String(CONCURRENCY),
    String(seed),
  ]);
  brokers.atEnd(() => child.kill('SIGKILL'));
  const closed = once(child, 'close');
  const [report] = await Promise.race([
    once(child, 'message'),
    closed.then(([code]) => {
      throw new Error(`a client ended with code ${code}`);
    }),
  ]);
  await closed;
  return report as LosslessReport;
}
