import { once } from 'node:events';
import type { Broker, BrokerOptions } from '../../src/broker';
import { eventually } from '../support/eventually';
import { requirePid } from '../support/requirePid';
import { dial, settled } from './support/echo';
import { readAll, readBytes } from './support/readAll';
import { fixtureService, isAlive, TestBrokers } from './support/TestBrokers';

describe('a broker with changed options', () => {
  let brokers: TestBrokers;
  let options: BrokerOptions;
  let broker: Broker;

  beforeEach(async () => {
    brokers = new TestBrokers();
    options = {
      socketPath: brokers.path('broker.sock'),
      services: [fixtureService()],
      ackDeadlineMs: 60_000,
      startTimeoutMs: 60_000,
      stopTimeoutMs: 20_000,
    };
    broker = await brokers.start(options);
  });
  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  const to = (service: string) => dial(options, { service, allowHalfOpen: true });

  async function route(service = 'echo') {
    const { socket, route: way, reason } = await to(service);
    socket.end('x');
    expect(String(await readAll(socket))).toBe('x');
    await settled(broker);
    return reason ?? way;
  }

  it('offers new services, and lets removed ones finish their connections', async () => {
    // What was removed stays for as long as a client that was sent to it may take.
    await broker.reload({ ...options, services: [fixtureService('echo', { ackDeadlineMs: 1000 })] });
    const open = await to('echo');
    const [{ pid } = { pid: 0 }] = broker.adoptableBackends();
    const exited = once(broker, 'backendExit');
    expect(await broker.reload({ ...options, services: [fixtureService('echo', { name: 'new' })] })).toEqual({
      added: ['new@1.0.0'],
      removed: ['echo@1.0.0'],
    });
    expect(await route('new')).toBe('handedOff');
    await expect(to('echo')).rejects.toMatchObject({ code: 'unknownService' });
    open.socket.write('still there');
    expect(String(await readBytes(open.socket, 11))).toBe('still there');
    expect(isAlive(pid)).toBe(true);
    open.socket.resume().end();
    const [exit] = (await exited) as unknown[];
    expect(exit).toMatchObject({ pid, code: 0 });
    expect(exit).not.toHaveProperty('restartInMs');
    await eventually('one backend to be left', () => broker.backends().length === 1);
    expect([...broker.controller.backends()]).toMatchObject([{ serviceName: 'new' }]);
  });

  it('uses the new policy and deadline, and keeps the process', async () => {
    const pid = broker.backends()[0]?.pid;
    await broker.reload({ ...options, services: [fixtureService('echo', { handoff: false })] });
    expect(await route()).toBe('servicePolicyDisabled');
    await broker.reload({ ...options, ackDeadlineMs: 20 });
    process.kill(requirePid(pid), 'SIGSTOP');
    const failed = new Promise((resolve) =>
      broker.on('transfer', ({ state }) => state === 'failed' && resolve(state)),
    );
    const client = route();
    await failed;
    process.kill(requirePid(pid), 'SIGCONT');
    await client;
    expect(broker.backends()).toMatchObject([{ pid }]);
  });

  it.each<[string, (options: BrokerOptions) => Partial<BrokerOptions>, string, RegExp]>([
    ['another socket', () => ({ socketPath: '/tmp/other.sock' }), 'notReloadable', /socketPath/],
    ['another policy', () => ({ policy: { maxFailedAttemptsPerWindow: 1 } }), 'notReloadable', /policy/],
    [
      'other arguments of a process that runs',
      () => ({ services: [fixtureService('http')] }),
      'notReloadable',
      /args of echo@1\.0\.0/,
    ],
    ['a bad value', () => ({ maxTransfers: 0 }), 'ERR_OUT_OF_RANGE', /maxTransfers/],
    [
      'a service that does not start',
      ({ services }) => ({
        services: [...services, fixtureService('exitAtOnce', { name: 'bad', logFile: '/dev/null' })],
        ackDeadlineMs: 1,
      }),
      'startFailed',
      /bad@1\.0\.0/,
    ],
  ])('is unchanged when they have %s', async (_, change, code, message) => {
    const before = broker.backends();
    await expect(broker.reload({ ...options, ...change(options) })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(broker.backends()).toEqual(before);
    expect(await route()).toBe('handedOff');
  });

  it('applies them one after the other, and none once it stops', async () => {
    const service = (name: string) => fixtureService('echo', { name });
    const results = await Promise.all([
      broker.reload({ ...options, services: [...options.services, service('a')] }),
      broker.reload({ ...options, services: [...options.services, service('b')] }),
    ]);
    expect(results).toEqual([
      { added: ['a@1.0.0'], removed: [] },
      { added: ['b@1.0.0'], removed: ['a@1.0.0'] },
    ]);
    await broker.stop();
    await expect(broker.reload(options)).rejects.toMatchObject({ code: 'stopped' });
  });
});
