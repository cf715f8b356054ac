import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeIpcTransport, type HandoffTransport } from '../../src/broker';
import { connect } from '../../src/client';
import { report } from '../support/report';
import { eventually } from './support/eventually';
import { LimitedBroker } from './support/LimitedBroker';
import { readAll } from './support/readAll';
import { fixtureService, TestBrokers } from './support/TestBrokers';

const CLIENTS = 500;
const MAX_FDS = 64;

async function echo(socketPath: string, text: string) {
  const connection = await connect({
    socketPath,
    service: 'echo',
    earlyData: text,
    allowHalfOpen: true,
    connectTimeoutMs: 90_000,
  });
  connection.socket.end();
  expect(String(await readAll(connection.socket))).toBe(text);
  return connection;
}

describe('a broker that is short of descriptors', () => {
  it(`serves ${CLIENTS} clients with ${MAX_FDS} of them, and hands over again afterwards`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hc-test-'));
    const socketPath = join(directory, 'broker.sock');
    const broker = await LimitedBroker.start(socketPath, MAX_FDS, {
      // The backends have as few: what fails for that is not to keep the test waiting.
      policy: { failedAttemptWindowMs: 500 },
    });
    const pid = (await broker.ask()).backends[0]?.pid;
    const connections = await Promise.all(
      Array.from({ length: CLIENTS }, (_, index) => echo(socketPath, `client ${index}`)),
    );
    const { stats, backends } = await broker.ask();
    report(
      `${CLIENTS} clients, ${MAX_FDS} descriptors: ${connections.length} served, ${stats.handedOff} handed off, ` +
        `reconnected ${JSON.stringify(stats.reconnected)}, turned away ${JSON.stringify(stats.errors)}`,
    );
    // It saw it coming, and said so.
    expect(stats.reconnected.fdPressureDisabled).toBeGreaterThan(0);
    expect(backends[0]).toMatchObject({ pid, process: 'ready', inFlight: 0 });
    // By itself, as soon as the count is down.
    for (;;) {
      const { route, reason } = await echo(socketPath, 'afterwards');
      if (route === 'handedOff') break;
      expect(['fdPressureDisabled', 'failedAttemptRateLimited']).toContain(reason);
    }
    expect(await broker.stop()).toBe(0);
    rmSync(directory, { recursive: true });
  });

  it('is told by the system on a send: the client reconnects, no backend is blamed, and it ends by itself', async () => {
    const brokers = new TestBrokers();
    const transport = createNodeIpcTransport();
    let code: string | undefined = 'EMFILE';
    const full: HandoffTransport = {
      supported: true,
      send(child, message, socket, callback) {
        if (code === undefined) transport.send(child, message, socket, callback);
        else process.nextTick(callback, Object.assign(new Error('no descriptor left'), { code }));
      },
    };
    const broker = await brokers.start({ transport: full, ackDeadlineMs: 60_000 });
    for (code of ['EMFILE', undefined]) {
      expect(await echo(broker.socketPath, 'a')).toMatchObject({
        route: 'reconnected',
        reason: 'fdPressureDisabled',
      });
    }
    expect(broker.stats()).toMatchObject({ abandoned: 1, reconnected: { fdPressureDisabled: 2 } });
    expect(broker.backends()[0]).toMatchObject({ state: 'idle', attempts: 1 });
    expect(broker.backends()[0]?.window).toBeUndefined();
    while ((await echo(broker.socketPath, 'b')).route !== 'handedOff');
    expect(await brokers.stop()).toEqual([]);
  });

  it('is told by the system on the start of a process: it is tried again', async () => {
    const brokers = new TestBrokers();
    const log = brokers.path('log');
    const values: string[] = [];
    const broker = await brokers.start({
      services: [fixtureService('echo', { logFile: log })],
      inspect: (event) => {
        if (event.type === '@xstate.snapshot' && 'value' in event.snapshot) {
          values.push(JSON.stringify(event.snapshot.value));
        }
      },
    });
    const warnings: string[] = [];
    broker.on('warning', ({ code }) => warnings.push(code));
    const fs = jest.requireActual<typeof import('node:fs')>('node:fs');
    const open = jest.spyOn(fs, 'openSync').mockImplementationOnce(() => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    });
    process.kill(broker.backends()[0]?.pid ?? 0, 'SIGKILL');
    await eventually(() => warnings.includes('startFailed'));
    open.mockRestore();
    expect(values).toContain(JSON.stringify({ pressured: 'exhausted' }));
    while ((await echo(broker.socketPath, 'b')).route !== 'handedOff');
    expect(await brokers.stop()).toEqual([]);
  });
});
