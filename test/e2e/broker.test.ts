import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect as connectSocket, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { HandoffFallbackPolicy } from '../../src';
import type { BackendStatus, Broker, BrokerOptions, BrokerWarning } from '../../src/broker';
import { connect } from '../../src/client';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { requirePid } from '../support/requirePid';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { dial, echo } from './support/echo';
import { readAll } from './support/readAll';
import { ended, fixtureService, isAlive } from './support/TestBrokers';

describe('a broker', () => {
  const brokers = brokersOfEachTest();

  describe('that starts', () => {
    it('is for its owner only', async () => {
      const broker = await brokers.start();
      expect(statSync(broker.socketPath).mode & 0o777).toBe(0o600);
      const endpoint = broker.backends()[0]?.endpoint ?? '';
      expect(statSync(endpoint).mode & 0o777).toBe(0o600);
      expect(statSync(join(endpoint, '..')).mode & 0o777).toBe(0o700);
    });

    it.each(['socketPath', 'endpointDirectory'])('is refused if %s is open to others', async (option) => {
      const directory = brokers.path('open');
      mkdirSync(directory);
      const value = option === 'socketPath' ? join(directory, 'broker.sock') : directory;
      for (const mode of [0o701, 0o710, 0o750, 0o777]) {
        chmodSync(directory, mode);
        await expect(brokers.start({ [option]: value })).rejects.toMatchObject({
          name: 'BrokerError',
          code: 'unsafePermissions',
          message: expect.stringMatching(
            `${directory} is open to others \\(mode 0${mode.toString(8)}\\): chmod 700`,
          ),
        });
      }
      chmodSync(directory, 0o700);
      await echo(await brokers.start({ [option]: value }));
      await brokers.stopBrokers();
      expect(readdirSync(directory)).toEqual([]);
      rmdirSync(directory);
    });

    it('is refused in a directory of another user, and in a missing one', async () => {
      const other = jest.spyOn(process, 'geteuid').mockReturnValue(12_345);
      await expect(brokers.start()).rejects.toMatchObject({
        code: 'unsafePermissions',
        message: expect.stringMatching(/belongs to user \d+, not to this process's user 12345/),
      });
      other.mockRestore();
      await expect(brokers.start({ socketPath: '/nowhere/at/all.sock' })).rejects.toMatchObject({
        code: 'listenFailed',
        message: expect.stringContaining('/nowhere/at'),
      });
    });

    it('is refused if another one answers, which continues', async () => {
      const broker = await brokers.start();
      await expect(brokers.start({ socketPath: broker.socketPath })).rejects.toMatchObject({
        name: 'BrokerError',
        code: 'alreadyRunning',
      });
      expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    });

    it('replaces the socket of a dead one, also two at a time', async () => {
      const socketPath = brokers.path('broker.sock');
      const script = `require('node:net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
      const dead = spawn(process.execPath, ['-e', script]);
      await new Promise((resolve) => dead.once('close', resolve));
      expect(existsSync(socketPath)).toBe(true);
      const results = await Promise.allSettled([
        brokers.start({ socketPath }),
        brokers.start({ socketPath }),
      ]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      for (const result of results) {
        if (result.status === 'fulfilled') await echo(result.value);
        else expect(result.reason).toMatchObject({ code: 'alreadyRunning' });
      }
    });

    it("leaves alone what isn't a socket", async () => {
      const socketPath = brokers.path('precious');
      writeFileSync(socketPath, 'data');
      await expect(brokers.start({ socketPath })).rejects.toMatchObject({ code: 'notASocket' });
      expect(readFileSync(socketPath, 'utf8')).toBe('data');
    });

    it.each<[string, Partial<BrokerOptions>, RegExp]>([
      [
        'a module that is missing',
        { services: [fixtureService('echo', { module: '/nowhere.js' })] },
        /echo@1\.0\.0.*\/nowhere\.js isn't there/,
      ],
      ['a process that exits at once', { services: [fixtureService('exitAtOnce')] }, /echo@1\.0\.0.*code 3/],
      [
        'one that never listens',
        { services: [fixtureService('neverListens')], startTimeoutMs: 700 },
        /in time/,
      ],
      [
        'a directory that is missing',
        { services: [fixtureService('echo', { cwd: '/nowhere' })] },
        /\/nowhere isn't there/,
      ],
      [
        'a log file that cannot be',
        { services: [fixtureService('echo', { logFile: '/nowhere/log' })] },
        /can't be started/,
      ],
      [
        'one of two that fails',
        { services: [fixtureService('echo'), fixtureService('exitAtOnce', { version: '2.0.0' })] },
        /echo@2\.0\.0/,
      ],
    ])('fails with %s, and leaves nothing', async (_, options, message) => {
      const socketPath = brokers.path('broker.sock');
      await expect(
        brokers.start({ socketPath, stopTimeoutMs: 500, ...options, services: quiet(options.services) }),
      ).rejects.toMatchObject({ code: 'startFailed', message: expect.stringMatching(message) });
      expect(existsSync(socketPath)).toBe(false);
    });

    it.each<[Record<string, unknown>, RegExp]>([
      [{ socketPath: 7 }, /socketPath.*7/],
      [{ socketPath: `/tmp/${'x'.repeat(200)}` }, /socketPath.*bytes/],
      [{ services: [] }, /services/],
      [{ services: [fixtureService(), fixtureService()] }, /services\[1\].*echo@1\.0\.0/],
      [{ services: [fixtureService('echo', { version: '1.0' })] }, /services\[0\]\.version.*1\.0/],
      [{ services: [fixtureService('echo', { name: '' })] }, /services\[0\]\.name/],
      [
        { services: [fixtureService('echo', { ackDeadlineMs: 60_001 })] },
        /services\[0\]\.ackDeadlineMs.*60001/,
      ],
      [{ ackDeadlineMs: 0 }, /ackDeadlineMs.*0/],
      [{ helloTimeoutMs: Number.NaN }, /helloTimeoutMs.*NaN/],
      [{ maxConnections: 1.5 }, /maxConnections.*1\.5/],
      [{ maxTransfers: -1 }, /maxTransfers.*-1/],
      [{ fdPressure: true }, /fdPressure.*true/],
      [{ transport: { supported: true } }, /transport\.open/],
      [{ policy: { maxFailedAttemptsPerWindow: -1 } }, /maxFailedAttemptsPerWindow.*-1/],
      [
        { adopt: [{ serviceName: 'echo', serviceVersion: '1.0.0', endpoint: '/e', backend: 'x', pid: 5 }] },
        /adopt\[0\]\.backend/,
      ],
      [
        {
          adopt: [
            { serviceName: 'echo', serviceVersion: '1.0.0', endpoint: '/e', backend: 'a'.repeat(32), pid: 0 },
          ],
        },
        /adopt\[0\]\.pid/,
      ],
      [{ snapshot: { version: 99 } }, /version/],
    ])('refuses options, case %#, naming the field and the value', async (options, message) => {
      await expect(brokers.start(options as Partial<BrokerOptions>)).rejects.toThrow(message);
    });
  });

  it('checks the service policy, the descriptors and the embedder', async () => {
    let isPressured = false;
    let isAllowed = true;
    const requests: unknown[] = [];
    const broker = await brokers.start({
      fdPressure: () => isPressured,
      adjustInputs: (inputs, request) => {
        requests.push(request);
        return { ...inputs, servicePolicyEnabled: inputs.servicePolicyEnabled && isAllowed };
      },
    });
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    expect(requests).toMatchObject([
      { requestedVersion: '*', earlyDataBytes: 1, backend: { serviceName: 'echo' } },
    ]);
    isPressured = true;
    expect(await echo(broker)).toMatchObject({ reason: 'fdPressureDisabled' });
    isAllowed = false;
    expect(await echo(broker)).toMatchObject({ reason: 'servicePolicyDisabled' });
    isAllowed = true;
    isPressured = false;
    broker.setServiceHandoff('echo', undefined, false);
    expect(await echo(broker)).toMatchObject({ reason: 'servicePolicyDisabled' });
    broker.setServiceHandoff('echo', '1.0.0', true);
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    expect(() => broker.setServiceHandoff('echo', '2.0.0', true)).toThrow('echo@2.0.0');
  });

  it('suspends handoff to a failing backend until the window ends by its clock', async () => {
    let now = 1000;
    const broker = await brokers.start({
      services: [fixtureService('permission')],
      policy: new HandoffFallbackPolicy({ maxFailedAttemptsPerWindow: 2, failedAttemptWindowMs: 500 }),
      clock: { now: () => now, setTimeout: () => 0, clearTimeout: () => {} },
    });
    const reasons = async (): Promise<unknown> => (await echo(broker)).reason;
    expect([await reasons(), await reasons()]).toEqual(['permissionDenied', 'permissionDenied']);
    now += 100;
    expect(await echo(broker)).toMatchObject({ reason: 'failedAttemptRateLimited', retryAfterMs: 400 });
    expect(broker.backends()[0]).toMatchObject({ state: 'rateLimited', attempts: 2 });
    now += 400;
    expect(await reasons()).toBe('permissionDenied');
    expect(broker.stats().reconnected).toEqual({ permissionDenied: 3, failedAttemptRateLimited: 1 });
  });

  it('restarts a dead backend; clients wait for it', async () => {
    const isAwaited = brokers.path('awaited');
    const marker = brokers.path('marker');
    const broker = await brokers.start({
      services: [fixtureService('waitsToStart', { marker, env: { START_FILE: isAwaited } })],
    });
    const exits: unknown[] = [];
    broker.on('backendExit', (event) => exits.push(event));
    const pid = requirePid(broker.backends()[0]?.pid);
    process.kill(pid, 'SIGKILL');
    await eventually('the end of the process', () => exits.length === 1);
    expect(exits).toMatchObject([{ pid, signal: 'SIGKILL', restartInMs: expect.any(Number) }]);
    const client = echo(broker);
    await eventually('the client to be told so', () => (broker.stats().errors.backendUnavailable ?? 0) > 0);
    writeFileSync(isAwaited, '');
    expect(await client).toMatchObject({ route: 'handedOff' });
    expect(broker.backends()[0]?.pid).not.toBe(pid);
  });

  it('doubles the pause each time that a backend ends early, with jitter', async () => {
    const broker = await brokers.start();
    const waits: number[] = [];
    for (let deaths = 0; deaths < 4; deaths += 1) {
      const exited = new Promise<number>((resolve) =>
        broker.once('backendExit', ({ restartInMs = 0 }) => resolve(restartInMs)),
      );
      const ready = new Promise((resolve) => broker.once('backendReady', resolve));
      process.kill(requirePid(broker.backends()[0]?.pid), 'SIGKILL');
      waits.push(await exited);
      await ready;
    }
    for (const [deaths, wait] of waits.entries()) {
      const full = 100 * 2 ** deaths;
      expect(wait).toBeGreaterThanOrEqual(full / 2);
      expect(wait).toBeLessThanOrEqual(full);
    }
  });

  it('replaces a backend that disconnects, and lets it finish its connections', async () => {
    const broker = await brokers.start({
      services: [fixtureService('leaves', { marker: brokers.path('marker') })],
      // Its successor has to be there before it's ended.
      stopTimeoutMs: 120_000,
    });
    const pid = requirePid(broker.backends()[0]?.pid);
    const old = await dial(broker, { allowHalfOpen: true });
    const ready = new Promise((resolve) => broker.once('backendReady', resolve));
    const exited = new Promise((resolve) => broker.once('backendExit', resolve));
    process.kill(pid, 'SIGUSR2');
    await ready;
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    expect(isAlive(pid)).toBe(true);
    old.socket.end('still there');
    expect(String(await readAll(old.socket))).toBe('still there');
    expect(await exited).toMatchObject({ pid, code: 0, signal: null });
  });

  it('starts only one process for several simultaneous replacements', async () => {
    const broker = await brokers.start();
    const [{ backend, pid = 0 }] = broker.backends() as [BackendStatus];
    await Promise.all([broker.respawnBackend(backend), broker.respawnBackend(backend)]);
    await ended(pid);
    const [{ pid: second = 0 }] = broker.backends() as [BackendStatus];
    process.kill(second, 'SIGKILL');
    // In the middle of the start that its death brings about.
    await eventually('the start', () => broker.backends()[0]?.process === 'starting');
    await broker.respawnBackend(backend);
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
  });

  it('waits in stop for a backend that is being replaced', async () => {
    const broker = await brokers.start({ services: [fixtureService('ignoreStop')], stopTimeoutMs: 100 });
    const [{ backend, pid = 0 }] = broker.backends() as [BackendStatus];
    const respawned = broker.respawnBackend(backend);
    await Promise.all([expect(respawned).rejects.toMatchObject({ code: 'stopped' }), broker.stop()]);
    await ended(pid);
  });

  it('refuses connections over its bound, and accepts them later', async () => {
    const broker = await brokers.start({ maxConnections: 1 });
    const idle = connectSocket(broker.socketPath);
    await eventually('the connection', () => broker.stats().connections === 1);
    const client = echo(broker);
    await eventually('somebody to be turned away', () => (broker.stats().errors.busy ?? 0) > 0);
    idle.destroy();
    expect(await client).toMatchObject({ route: 'handedOff' });
  });

  it('ends a backend that does not stop, within its bounds', async () => {
    const broker = await brokers.start({ services: [fixtureService('ignoreStop')], stopTimeoutMs: 100 });
    const pid = requirePid(broker.backends()[0]?.pid);
    const first = broker.stop();
    expect(broker.stop()).toBe(first);
    await first;
    await ended(pid);
    expect(existsSync(broker.socketPath)).toBe(false);
    expect(broker.backends()).toEqual([]);
    await expect(
      connect({ socketPath: broker.socketPath, service: 'echo', brokerWaitMs: 0 }),
    ).rejects.toMatchObject({ code: 'brokerUnavailable' });
  });

  it('lets transfers in flight end before it stops', async () => {
    const broker = await brokers.start();
    const pid = requirePid(broker.backends()[0]?.pid);
    process.kill(pid, 'SIGSTOP');
    const sent = new Promise<void>((resolve) => {
      broker.on('transfer', ({ state }) => state === 'sent' && resolve());
    });
    const client = echo(broker);
    await sent;
    const stopped = broker.stop();
    process.kill(pid, 'SIGCONT');
    expect(await client).toMatchObject({ route: 'handedOff' });
    await stopped;
  });

  it('continues when a listener throws', async () => {
    // In a process of its own, where an error that nobody catches can be seen.
    const child = fork(compiled('test/fixtures/throwingListener.ts'), [brokers.path('broker.sock')]);
    const closed = once(child, 'close');
    brokers.atEnd(() => child.kill('SIGKILL'));
    const [result] = await Promise.race([once(child, 'message'), closed]);
    expect(result).toEqual({ uncaught: [], route: 'handedOff' });
    await closed;
  });

  describe('whose backends outlive it', () => {
    const warningsOf = (broker: Broker): BrokerWarning[] => {
      const warnings: BrokerWarning[] = [];
      broker.on('warning', (warning) => warnings.push(warning));
      return warnings;
    };

    async function leave(mode = 'echo') {
      const log = brokers.path('log');
      const services = [fixtureService(mode, { logFile: log })];
      const first = await brokers.start({ services });
      await echo(first);
      const left = await first.stop({ backends: 'leave' });
      expect(left.adopt).toHaveLength(1);
      return { left, services, pid: requirePid(left.adopt[0]?.pid) };
    }

    it('leaves them to the next one, which adopts them and can replace them', async () => {
      const { left, services, pid } = await leave();
      expect(isAlive(pid)).toBe(true);
      const broker = await brokers.start({ services, ...left });
      expect(broker.backends()[0]).toMatchObject({ adopted: false, pid, state: 'idle', process: 'ready' });
      expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
      const again = await broker.stop({ backends: 'leave' });
      expect(again.adopt).toEqual(left.adopt);
      const third = await brokers.start({ services, ...again });
      await third.respawnBackend(
        third.backends()[0]?.backend ?? { instance: '', serviceName: '', serviceVersion: '' },
      );
      await ended(pid);
      expect(third.backends()[0]).toMatchObject({ adopted: false, state: 'idle' });
      expect(await echo(third)).toMatchObject({ route: 'handedOff' });
      await expect(
        third.respawnBackend({ instance: 'shared', serviceName: 'echo', serviceVersion: '9.9.9' }),
      ).rejects.toMatchObject({ code: 'unknownBackend' });
    });

    it('is followed by one that restarts what ends', async () => {
      const { left, services, pid } = await leave();
      const broker = await brokers.start({ services, ...left });
      const exited = new Promise((resolve) => broker.once('backendExit', resolve));
      process.kill(pid, 'SIGKILL');
      expect(await exited).toMatchObject({ adopted: true, pid });
      expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    });

    it.each<[string, Record<string, unknown>]>([
      ['another process', { backend: 'f'.repeat(32) }],
      ['another id', { pid: process.pid }],
      ['nobody', { endpoint: '/nowhere.sock' }],
    ])('is followed by one that refuses %s, and signals nobody', async (_, change) => {
      const { left, services, pid } = await leave();
      const adopt = left.adopt.map((each) => ({ ...each, ...change }));
      const broker = await brokers.start({ services, adopt });
      expect(broker.backends()[0]).toMatchObject({ adopted: false, process: 'ready' });
      expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
      expect(isAlive(pid)).toBe(true);
      process.kill(pid, 'SIGKILL');
      rmSync(dirname(left.adopt[0]?.endpoint ?? ''), { recursive: true });
    });

    it('warns of what it cannot adopt', async () => {
      const socketPath = brokers.path('broker.sock');
      const stranger = createServer((socket) => socket.resume().end('HTTP/1.1 200 OK\r\n'));
      brokers.atEnd(() => stranger.close());
      const endpoint = brokers.path('stranger');
      await new Promise<void>((resolve) => stranger.listen(endpoint, resolve));
      const adopt = [
        { serviceName: 'echo', serviceVersion: '1.0.0', endpoint, backend: 'a'.repeat(32), pid: process.pid },
        {
          serviceName: 'other',
          serviceVersion: '1.0.0',
          endpoint,
          backend: 'a'.repeat(32),
          pid: process.pid,
        },
      ];
      const broker = await brokers.start({ socketPath, adopt });
      const warnings = warningsOf(broker);
      await eventually('two warnings', () => warnings.length === 2);
      expect(warnings).toMatchObject([
        { code: 'adoptionRefused', backend: { serviceName: 'echo' } },
        { code: 'adoptionRefused', message: expect.stringContaining('other@1.0.0') },
      ]);
    });

    it('that crashes leaves them serving at their endpoints, or ending, as they choose', async () => {
      const socketPath = brokers.path('broker.sock');
      const logFile = brokers.path('log');
      const { broker: killed, backends } = await brokers.startProcess({
        socketPath,
        services: [
          fixtureService('echo', { logFile }),
          fixtureService('diesWithBroker', { name: 'mortal', logFile }),
        ],
      });
      const [survivor, mortal] = backends;
      await killed.kill();
      await ended(requirePid(mortal?.pid));
      const broker = await brokers.start({
        socketPath,
        adopt: survivor === undefined ? [] : [survivor],
      });
      expect(broker.backends()[0]).toMatchObject({ adopted: false, pid: survivor?.pid });
      expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    });
  });

  it('puts endpoints in the given directory', async () => {
    const directory = brokers.path('endpoints');
    mkdirSync(directory, { mode: 0o700 });
    chmodSync(directory, 0o700);
    const broker = await brokers.start({ endpointDirectory: directory });
    expect(broker.backends()[0]?.endpoint?.startsWith(directory)).toBe(true);
    const long = brokers.path('x'.repeat(100));
    mkdirSync(long, { mode: 0o700 });
    await expect(brokers.start({ endpointDirectory: long })).rejects.toMatchObject({
      code: 'pathTooLong',
    });
  });
});

// Keeps the errors of processes that can't start out of the test's output.
function quiet(services: BrokerOptions['services'] = []): BrokerOptions['services'] {
  return services.map((service) => ({ logFile: '/dev/null', ...service }));
}
