import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { LosslessReport } from '../fixtures/clients/losslessClient';
import { compiled } from '../support/compiled';
import { eventually } from './support/eventually';
import { openFds } from './support/openFds';
import { fixtureService, TestBrokers } from './support/TestBrokers';

const CLIENTS = 2;
const CONNECTIONS_PER_CLIENT = 10_500;
const CONCURRENCY = 12;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('every byte arrives, once and in order', () => {
  it(`over ${CLIENTS * CONNECTIONS_PER_CLIENT} connections`, async () => {
    const fdsBefore = openFds();
    const brokers = new TestBrokers();
    const totalsPath = brokers.path('totals');
    const broker = await brokers.start({
      ackDeadlineMs: 20_000,
      services: [
        fixtureService('', {
          module: compiled('test/fixtures/backends/countingBackend.ts'),
          env: { TOTALS: totalsPath },
        }),
      ],
    });
    const startedAt = performance.now();
    const reports = await Promise.all(
      Array.from({ length: CLIENTS }, (_, index) => runClient(broker.socketPath, index + 1)),
    );
    const seconds = (performance.now() - startedAt) / 1000;

    process.kill(broker.backends()[0]?.pid ?? 0, 'SIGUSR2');
    await eventually(() => existsSync(totalsPath) && readFileSync(totalsPath, 'utf8') !== '');
    const atBackend = JSON.parse(readFileSync(totalsPath, 'utf8'));
    const stats = broker.stats();
    expect(await brokers.stop()).toEqual([]);
    await eventually(() => openFds() <= fdsBefore);

    const connections = sum(reports.map((report) => report.connections));
    const sent = sum(reports.map((report) => report.bytesSent));
    const received = sum(reports.map((report) => report.bytesReceived));
    const handedOff = sum(reports.map((report) => report.handedOff));
    const reconnected = sum(reports.map((report) => report.reconnected));
    process.stdout.write(
      `lossless: ${connections} connections (${handedOff} handed off, ${reconnected} reconnected) in ${seconds.toFixed(1)} s: ` +
        `${sent} bytes sent, ${atBackend.bytes} at the backend, ${received} back\n`,
    );
    expect(reports.flatMap((report) => report.wrong)).toEqual([]);
    expect(connections).toBeGreaterThanOrEqual(20_000);
    expect(atBackend).toEqual({ handedOff, reconnected, bytes: sent });
    expect(received).toBe(sent);
    expect(handedOff + reconnected).toBe(connections);
    expect(stats).toMatchObject({ lateAcks: 0, unknownAcks: 0, errors: {} });
    expect(handedOff).toBeGreaterThan(connections * 0.8);
  });
});

function runClient(socketPath: string, seed: number): Promise<LosslessReport> {
  const child = fork(compiled('test/fixtures/clients/losslessClient.ts'), [
    socketPath,
    String(CONNECTIONS_PER_CLIENT),
    String(CONCURRENCY),
    String(seed),
  ]);
  return new Promise((resolve, reject) => {
    let report: LosslessReport | undefined;
    child.on('message', (message) => {
      report = message as LosslessReport;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (report === undefined) reject(new Error(`a client ended with code ${code}`));
      else resolve(report);
    });
  });
}
