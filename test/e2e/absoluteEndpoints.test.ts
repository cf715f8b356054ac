import { mkdirSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { isAbsolute, relative } from 'node:path';
import { serveBackend } from '../../src/backend';
import type { BrokerOptions } from '../../src/broker';
import { checkBrokerOptions } from '../../src/broker/options/checkBrokerOptions';
import { connect } from '../../src/client';
import { rawHello, takeFrames } from './independentClient';
import { readAll } from './support/readAll';
import { fixtureService, TestBrokers } from './support/TestBrokers';

describe('the endpoint sent to clients and backends is absolute', () => {
  let brokers: TestBrokers;

  beforeEach(() => {
    brokers = new TestBrokers();
  });
  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  /** A new private directory, as a path from where this process is. */
  function relativeDirectory(): string {
    const path = brokers.path('directory');
    mkdirSync(path, { mode: 0o700 });
    return relative(process.cwd(), path);
  }

  async function expectAbsolute(options: Partial<BrokerOptions>): Promise<void> {
    // The backend has another directory than the broker and the client.
    const broker = await brokers.start({ services: [fixtureService('info', { cwd: '/' })], ...options });
    const client = connectSocket(broker.socketPath);
    client.write(rawHello({ handoff: false }));
    const answer = readAll(client);
    const [frame] = takeFrames(await answer).frames;
    const { endpoint } = frame?.fields ?? {};
    expect(endpoint).toBe(broker.backends()[0]?.endpoint);
    expect(isAbsolute(String(endpoint))).toBe(true);
    const { socket, route } = await connect({
      socketPath: broker.socketPath,
      service: 'echo',
      handoff: false,
    });
    await readAll(socket);
    expect(route).toBe('reconnected');
    await brokers.stopBrokers();
  }

  it('with a relative endpointDirectory', () => expectAbsolute({ endpointDirectory: relativeDirectory() }));

  it('with a relative stateDirectory', () => expectAbsolute({ stateDirectory: relativeDirectory() }));

  it('in a relative directory for temporary files', async () => {
    const os: typeof import('node:os') = jest.requireActual('node:os');
    const directory = relativeDirectory();
    // The files of this test are where they ever were.
    const socketPath = brokers.path('broker.sock');
    const tmpdir = jest.spyOn(os, 'tmpdir').mockReturnValue(directory);
    try {
      await expectAbsolute({ socketPath });
      expect(tmpdir).toHaveBeenCalled();
    } finally {
      tmpdir.mockRestore();
    }
  });

  it('with a relative endpoint to adopt', () => {
    const { adopt } = checkBrokerOptions({
      socketPath: '/b.sock',
      services: [fixtureService()],
      adopt: [
        { serviceName: 'e', serviceVersion: '1.0.0', endpoint: 'x.sock', backend: 'b'.repeat(32), pid: 2 },
      ],
    });
    expect(adopt[0]?.endpoint).toBe(`${process.cwd()}/x.sock`);
  });

  it('with a relative endpoint of serveBackend', async () => {
    const endpoint = brokers.path('backend.sock');
    const identity = { backend: 'b'.repeat(32), serviceName: 'echo', serviceVersion: '1.0.0', endpoint: 'x' };
    const served = await serveBackend({
      identity,
      endpoint: relative(process.cwd(), endpoint),
      onConnection: () => {},
    });
    await served.close();
    expect([served.endpoint, served.identity.endpoint]).toEqual([endpoint, endpoint]);
  });
});
