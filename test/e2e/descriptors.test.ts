import { createNodeIpcTransport } from '../../src/broker';
import { eventually } from '../support/eventually';
import { report } from '../support/report';
import { requirePid } from '../support/requirePid';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { changeChannel } from './support/changeChannel';
import { echo, echoBy } from './support/echo';
import { LimitedBroker } from './support/LimitedBroker';
import { fixtureService } from './support/TestBrokers';

const CLIENTS = 500;
const MAX_FDS = 64;
/** How long there is pressure after the system had no descriptor left. */
const EXHAUSTED_HOLD_MS = 1000;

/** Has the timers of so many milliseconds fire when the test says so, and not before. */
function holdTimers(ms: number): { fire(): void } {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const held = new Map<unknown, () => void>();
  const spies = [
    jest.spyOn(globalThis, 'setTimeout').mockImplementation(((callback: () => void, delay: number) => {
      if (delay !== ms) return set(callback, delay);
      const timer = set(() => {}, 2 ** 31 - 1).unref();
      held.set(timer, callback);
      return timer;
    }) as typeof setTimeout),
    jest.spyOn(globalThis, 'clearTimeout').mockImplementation((timer) => {
      held.delete(timer);
      clear(timer);
    }),
  ];
  return {
    fire() {
      for (const spy of spies) spy.mockRestore();
      for (const [timer, callback] of held) {
        clear(timer as NodeJS.Timeout);
        callback();
      }
    },
  };
}

describe('a broker that is short of descriptors', () => {
  const brokers = brokersOfEachTest();

  it(`serves ${CLIENTS} clients with ${MAX_FDS} of them, and hands over again afterwards`, async () => {
    const socketPath = brokers.path('broker.sock');
    const broker = await LimitedBroker.start(socketPath, MAX_FDS, {
      // The backends have as few: what fails for that is not to keep the test waiting.
      policy: { failedAttemptWindowMs: 500 },
    });
    brokers.atEnd(() => broker.kill());
    const pid = (await broker.ask()).backends[0]?.pid;
    const connections = await Promise.all(
      Array.from({ length: CLIENTS }, (_, index) => echoBy({ socketPath }, `client ${index}`)),
    );
    const { stats, backends } = await eventually('nothing to be in flight', async () => {
      const answer = await broker.ask();
      return answer.backends[0]?.inFlight === 0 && answer;
    });
    report(
      `${CLIENTS} clients, ${MAX_FDS} descriptors: ${connections.length} served, ${stats.handedOff} handed off, ` +
        `reconnected ${JSON.stringify(stats.reconnected)}, turned away ${JSON.stringify(stats.errors)}`,
    );
    // It saw it coming, and said so.
    expect(stats.reconnected.fdPressureDisabled).toBeGreaterThan(0);
    expect(backends[0]).toMatchObject({ pid, process: 'ready' });
    // By itself, as soon as the count is down.
    await eventually('a client to be handed over', async () => {
      const { route, reason } = await echoBy({ socketPath }, 'afterwards');
      if (route !== 'handedOff') expect(['fdPressureDisabled', 'failedAttemptRateLimited']).toContain(reason);
      return route === 'handedOff';
    });
    expect(await broker.stop()).toBe(0);
  });

  it('learns it from a failed send: the client reconnects, no backend is blamed, and the pressure ends by itself', async () => {
    let code: string | undefined = 'EMFILE';
    const full = changeChannel(createNodeIpcTransport(), (channel) => ({
      send(message, socket, callback) {
        if (code === undefined) channel.send(message, socket, callback);
        else process.nextTick(callback, Object.assign(new Error('no descriptor left'), { code }));
      },
    }));
    const broker = await brokers.start({ transport: full });
    const hold = holdTimers(EXHAUSTED_HOLD_MS);
    try {
      for (code of ['EMFILE', undefined]) {
        expect(await echo(broker, 'a')).toMatchObject({ route: 'reconnected', reason: 'fdPressureDisabled' });
      }
      expect(broker.stats()).toMatchObject({ abandoned: 1, reconnected: { fdPressureDisabled: 2 } });
      expect(broker.backends()[0]).toMatchObject({ state: 'idle', attempts: 1 });
      expect(broker.backends()[0]?.window).toBeUndefined();
    } finally {
      hold.fire();
    }
    // What is counted is looked at again a moment later.
    await eventually(
      'a client to be handed over',
      async () => (await echo(broker, 'b')).route === 'handedOff',
    );
  });

  it('and cannot start a process continues, and starts it later', async () => {
    const broker = await LimitedBroker.start(brokers.path('broker.sock'), MAX_FDS, { stopTimeoutMs: 500 });
    brokers.atEnd(() => broker.kill());
    await broker.tell('fill');
    process.kill((await broker.ask()).backends[0]?.pid ?? Number.NaN, 'SIGKILL');
    await eventually('starts to fail', async () => (await broker.ask()).failedStarts > 1);
    await broker.tell('empty');
    await eventually(
      'a backend to be ready',
      async () => (await broker.ask()).backends[0]?.process === 'ready',
    );
    expect(await broker.stop()).toBe(0);
  });

  it('learns it from the failed start of a process, and retries', async () => {
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
    process.kill(requirePid(broker.backends()[0]?.pid), 'SIGKILL');
    brokers.atEnd(() => open.mockRestore());
    await eventually('a failed start', () => warnings.includes('startFailed'));
    expect(values).toContain(JSON.stringify({ pressured: 'exhausted' }));
    await eventually(
      'a client to be handed over',
      async () => (await echo(broker, 'b')).route === 'handedOff',
    );
  });
});
