import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer } from 'node:net';
import { join } from 'node:path';
import type { AdoptableBackend, Broker, BrokerOptions, BrokerWarning } from '../../src/broker';
import { processStart } from '../../src/broker/backends/processStart';
import { BACKEND_IDENTITY_VARIABLE, STATE_DIRECTORY_VARIABLE } from '../../src/protocol/backendIdentity';
import { canBecomeOthers } from '../support/asUser';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { itNeeds } from '../support/itNeeds';
import { requirePid } from '../support/requirePid';
import { BrokerProcess } from './support/BrokerProcess';
import { fixtureService, isAlive, TestBrokers } from './support/TestBrokers';

const itAsRoot = itNeeds('root', canBecomeOthers);

describe('what earlier brokers left behind', () => {
  let brokers: TestBrokers;
  let stateDirectory: string;
  let options: BrokerOptions;
  let ids = 0;
  const byHand = new Set<ChildProcess>();

  beforeEach(() => {
    brokers = new TestBrokers();
    stateDirectory = brokers.path('state');
    mkdirSync(join(stateDirectory, 'endpoints'), { recursive: true, mode: 0o700 });
    options = {
      socketPath: brokers.path('broker.sock'),
      stateDirectory,
      services: [fixtureService()],
      stopTimeoutMs: 200,
      startTimeoutMs: 60_000,
    };
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const child of byHand) child.kill('SIGKILL');
    byHand.clear();
    expect(await brokers.stop()).toEqual([]);
  });

  const manifestPath = (): string => join(stateDirectory, 'manifest.json');
  const onRecord = (): AdoptableBackend[] => JSON.parse(readFileSync(manifestPath(), 'utf8')).backends;

  async function start(
    changes: Partial<BrokerOptions> = {},
  ): Promise<{ broker: Broker; warnings: BrokerWarning[] }> {
    const broker = await brokers.start({ ...options, ...changes });
    const warnings: BrokerWarning[] = [];
    broker.on('warning', (warning) => warnings.push(warning));
    // Those of the start are told in the loop's next turn.
    await new Promise((resolve) => setImmediate(resolve));
    return { broker, warnings };
  }

  async function killedBroker(changes: Partial<BrokerOptions> = {}): Promise<AdoptableBackend[]> {
    const { broker, backends } = await BrokerProcess.start({ ...options, ...changes });
    for (const backend of backends) brokers.watch(backend);
    await broker.kill();
    return backends;
  }

  const refuses = (endpoint: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connectSocket(endpoint);
      socket.on('error', () => resolve(true));
      socket.on('connect', () => {
        socket.destroy();
        resolve(false);
      });
    });

  /** A backend as a broker starts it, but for what is changed. Resolves when it listens, if it's to. */
  async function startByHand(
    mode = 'echo',
    changes: { readonly env?: NodeJS.ProcessEnv; readonly uid?: number; readonly detached?: boolean } = {},
  ): Promise<AdoptableBackend> {
    ids += 1;
    const backend = ids.toString(16).padStart(32, '0');
    const endpoint = join(stateDirectory, 'endpoints', `${backend.slice(16)}.sock`);
    const identity = { backend, serviceName: 'echo', serviceVersion: '1.0.0', endpoint };
    const { env, ...more } = changes;
    const child = spawn(process.execPath, [compiled('test/fixtures/backends/scriptedBackend.ts'), mode], {
      env: {
        ...process.env,
        [BACKEND_IDENTITY_VARIABLE]: JSON.stringify(identity),
        [STATE_DIRECTORY_VARIABLE]: stateDirectory,
        ...env,
      },
      detached: true,
      stdio: 'ignore',
      ...more,
    });
    byHand.add(child);
    // The socket is there a moment before it's listened on, and a broker that comes in between ends the process.
    if (mode !== 'neverListens')
      await eventually('the backend takes connections', async () => !(await refuses(endpoint)));
    const pid = requirePid(child.pid);
    return { ...identity, pid, processStart: processStart(pid) ?? '' };
  }

  it.each(['kept', 'lost'])(
    'by a broker that was killed while it stopped is ended, the record being %s',
    async (record) => {
      const names = ['one', 'two', 'three'];
      const { broker: killed, backends } = await BrokerProcess.start({
        ...options,
        services: names.map((name) => fixtureService('ignoreStop', { name, logFile: '/dev/null' })),
        // It's killed first.
        stopTimeoutMs: 1_000_000,
      });
      for (const backend of backends) brokers.watch(backend);
      expect(backends).toHaveLength(names.length);
      killed.child.send('stop');
      for (const { endpoint } of backends) {
        await eventually('the backend takes no connections', () => refuses(endpoint));
      }
      await killed.kill();
      expect(backends.map(({ pid }) => isAlive(pid))).toEqual([true, true, true]);
      if (record === 'lost') writeFileSync(manifestPath(), '{');

      const { broker, warnings } = await start();
      expect(broker.backends()).toMatchObject([{ adopted: false, process: 'ready' }]);
      for (const { pid } of backends) {
        expect(isAlive(pid)).toBe(false);
        expect(warnings).toContainEqual(
          expect.objectContaining({ message: expect.stringMatching(`process ${pid}.*it was ended`) }),
        );
      }
      expect(onRecord()).toEqual(broker.adoptableBackends());
    },
  );

  it.each<[string, (path: string) => void]>([
    ['damaged', (path) => writeFileSync(path, '{"version":1,"backends":[{')],
    ['gone', (path) => rmSync(path)],
    ['of another version', (path) => writeFileSync(path, '{"version":99,"backends":[]}')],
    ['empty', (path) => writeFileSync(path, '{"version":1,"backends":[]}')],
  ])('and serves is adopted though the manifest is %s', async (_, spoil) => {
    const backends = await killedBroker();
    spoil(manifestPath());
    const { broker } = await start();
    expect(broker.adoptableBackends()).toEqual(backends);
    expect(onRecord()).toEqual(backends);
  });

  it('twice for one service is adopted once, the last one, and the other one is ended', async () => {
    const first = await startByHand();
    const second = await startByHand();
    const { broker, warnings } = await start();
    expect(broker.adoptableBackends()).toEqual([second]);
    expect(isAlive(first.pid)).toBe(false);
    expect(warnings).toMatchObject([
      { code: 'adoptionRefused', message: expect.stringContaining(`process ${first.pid}`) },
    ]);
  });

  it('and accepts no connections is ended, recorded or not', async () => {
    const stray = await startByHand('neverListens');
    const { broker, warnings } = await start();
    expect(isAlive(stray.pid)).toBe(false);
    expect(broker.backends()).toMatchObject([{ adopted: false }]);
    expect(warnings).toMatchObject([
      { message: expect.stringMatching(`process ${stray.pid}.*it was ended`) },
    ]);
  });

  it('and cannot be proved is left alone, and named at each start while it listens', async () => {
    const stranger = await startByHand('echo', { env: { [STATE_DIRECTORY_VARIABLE]: undefined } });
    for (let round = 0; round < 2; round += 1) {
      const { broker, warnings } = await start();
      expect(broker.backends()).toMatchObject([{ adopted: false, process: 'ready' }]);
      expect(warnings).toMatchObject([
        { code: 'adoptionRefused', message: expect.stringContaining(`process ${stranger.pid}`) },
      ]);
      await broker.stop();
    }
    expect(isAlive(stranger.pid)).toBe(true);
    expect(await refuses(stranger.endpoint)).toBe(false);
  });

  it('and is silent, and cannot be proved, is left alone and named', async () => {
    const endpoint = join(stateDirectory, 'endpoints', 'silent.sock');
    const silent = createServer((socket) => socket.on('error', () => {}).resume());
    await once(silent.listen(endpoint), 'listening');
    try {
      const { warnings } = await start();
      expect(warnings).toMatchObject([
        { code: 'adoptionRefused', message: expect.stringContaining(endpoint) },
      ]);
      expect(await refuses(endpoint)).toBe(false);
    } finally {
      silent.close();
    }
  });

  it('is adopted by its entry if its environment is unreadable, but not with another start time', async () => {
    const backend = await startByHand('echo', { env: { [STATE_DIRECTORY_VARIABLE]: undefined } });
    const write = (entry: AdoptableBackend): void =>
      writeFileSync(manifestPath(), JSON.stringify({ version: 1, backends: [entry] }));
    write(backend);
    const { broker } = await start();
    expect(broker.adoptableBackends()).toEqual([backend]);
    await broker.stop({ backends: 'leave' });
    write({ ...backend, processStart: 'another boot/1' });
    const { broker: second, warnings } = await start();
    expect(second.backends()).toMatchObject([{ adopted: false }]);
    expect(warnings).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining(`process ${backend.pid}`) }),
    );
    expect(isAlive(backend.pid)).toBe(true);
  });

  it.each<[string, Parameters<typeof startByHand>[1]]>([
    ['is of another state directory', { env: { [STATE_DIRECTORY_VARIABLE]: '/elsewhere' } }],
    ['has inherited its environment', { detached: false }],
  ])('and %s is nobody’s to end', async (_, changes) => {
    const other = await startByHand('neverListens', changes);
    const { warnings } = await start();
    expect(isAlive(other.pid)).toBe(true);
    expect(warnings).toEqual([]);
  });

  itAsRoot('and is another user’s is nobody’s to end, whatever its environment says', async () => {
    const other = spawn('sleep', ['600'], {
      uid: 1001,
      gid: 1001,
      detached: true,
      stdio: 'ignore',
      env: {
        [BACKEND_IDENTITY_VARIABLE]: JSON.stringify({
          backend: 'a'.repeat(32),
          serviceName: 'echo',
          serviceVersion: '1.0.0',
          endpoint: join(stateDirectory, 'endpoints', 'a.sock'),
        }),
        [STATE_DIRECTORY_VARIABLE]: stateDirectory,
      },
    });
    byHand.add(other);
    const { warnings } = await start();
    expect(isAlive(requirePid(other.pid))).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('and is dead, 5,000 times, costs one write and few warnings at the start', async () => {
    const backends = Array.from({ length: 5000 }, (_, index) => ({
      serviceName: index % 2 === 0 ? 'echo' : 'other',
      serviceVersion: '1.0.0',
      backend: index.toString(16).padStart(32, 'd'),
      endpoint: join(stateDirectory, 'endpoints', `${index.toString(16).padStart(16, 'd')}.sock`),
      pid: 2 + index,
      processStart: 'another boot/1',
    }));
    writeFileSync(manifestPath(), JSON.stringify({ version: 1, backends }));
    // Every tenth has left its socket.
    for (const { endpoint } of backends.filter((_, index) => index % 10 === 0)) writeFileSync(endpoint, '');
    const renamed = jest.spyOn(fs, 'renameSync');
    const { broker, warnings } = await start();
    const writes = renamed.mock.calls.filter(([, to]) => String(to) === manifestPath());
    // And two for the process that is started.
    expect(writes).toHaveLength(3);
    expect(warnings).toHaveLength(11);
    expect(warnings.at(-1)?.message).toContain('4990 more');
    expect(onRecord()).toEqual(broker.adoptableBackends());
    expect(fs.readdirSync(join(stateDirectory, 'endpoints'))).toHaveLength(1);
  });

  it('as huge files, or a directory in place of a socket, does not block a start', async () => {
    for (const name of ['manifest.json', 'controller.json']) {
      writeFileSync(join(stateDirectory, name), '{');
      truncateSync(join(stateDirectory, name), 8_000_000_000);
    }
    mkdirSync(join(stateDirectory, 'endpoints', 'directory.sock'));
    const { broker, warnings } = await start();
    expect(broker.backends()).toMatchObject([{ process: 'ready' }]);
    expect(warnings).toMatchObject([{ code: 'stateDamaged' }, { code: 'stateDamaged' }]);
    rmSync(join(stateDirectory, 'controller.json.damaged'));
  });
});
