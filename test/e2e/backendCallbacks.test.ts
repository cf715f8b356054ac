import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { connect } from '../../src/client';
import { eventually } from '../support/eventually';
import { requirePid } from '../support/requirePid';
import { readBytes } from './support/readAll';
import { fixtureService, TestBrokers } from './support/TestBrokers';

const REFUSE = /refuseHandoff must be 'permission', 'integrity' or undefined/;

describe('a mistake in a callback of a backend', () => {
  const brokers = new TestBrokers();

  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  // What the first connection comes to. Every later one is served as if nothing had been.
  it.each([
    ['refuseHandoff throws', 'reconnected', /mine/],
    ['refuseHandoff is async', 'reconnected', REFUSE],
    ['refuseHandoff rejects', 'reconnected', REFUSE],
    ['refuseHandoff answers false', 'reconnected', /but is false/],
    ['refuseHandoff answers a word of its own', 'reconnected', /but is "busy"/],
    ['onConnection throws', 'closed', /mine/],
    ['onConnection rejects', 'closed', /mine/],
    ['onConnection rejects and onError throws', 'closed', /mine/],
    ['onConnection rejects and onError rejects', 'closed', /mine/],
  ])('%s: only that connection is %s', async (mistake, fate, error) => {
    const errors = brokers.path('errors');
    const service = {
      ...fixtureService(mistake),
      env: { ERRORS: errors },
    };
    const module = join(service.module, '..', `mistakenBackend${extname(service.module)}`);
    const broker = await brokers.start({ services: [{ ...service, module }], ackDeadlineMs: 60_000 });
    const exits: unknown[] = [];
    broker.on('backendExit', (event) => exits.push(event));
    const call = () => connect({ socketPath: broker.socketPath, service: 'echo', earlyData: 'hi' });

    const first = await call();
    if (fate === 'closed') {
      await expect(readBytes(first.socket, 2)).rejects.toBeDefined();
    } else {
      expect(first).toMatchObject({ route: 'reconnected', reason: 'integrityMismatch' });
      expect(String(await readBytes(first.socket, 2))).toBe('hi');
    }
    first.socket.destroy();
    await eventually('the error to be told', () => error.test(readFileSync(errors, 'utf8')));

    const second = await call();
    expect(second.route).toBe('handedOff');
    expect(String(await readBytes(second.socket, 2))).toBe('hi');
    second.socket.destroy();
    expect(readFileSync(errors, 'utf8').trim().split('\n')).toHaveLength(1);
    expect(exits).toEqual([]);
  });

  it('its endpoint replaced by a directory: the broker continues when it ends', async () => {
    const service = fixtureService('puts a directory in place of its endpoint');
    const module = join(service.module, '..', `mistakenBackend${extname(service.module)}`);
    const endpointDirectory = brokers.path('endpoints');
    mkdirSync(endpointDirectory, { mode: 0o700 });
    const broker = await brokers.start({
      services: [{ ...service, module }, fixtureService('echo', { name: 'other' })],
      endpointDirectory,
    });
    const exited = new Promise((resolve) => broker.once('backendExit', resolve));
    const [{ pid, endpoint = '' } = {}] = broker.backends();
    process.kill(requirePid(pid), 'SIGUSR2');
    await eventually('a directory in its place', () => statSync(endpoint).isDirectory());
    process.kill(requirePid(pid), 'SIGKILL');
    await exited;
    const { socket } = await connect({ socketPath: broker.socketPath, service: 'other', earlyData: 'hi' });
    expect(String(await readBytes(socket, 2))).toBe('hi');
    socket.destroy();
    await brokers.stopBrokers();
    rmSync(endpointDirectory, { recursive: true });
  });
});
