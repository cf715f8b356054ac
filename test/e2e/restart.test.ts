import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { AnyActorRef } from 'xstate';
import type { AdoptableBackend, Broker, BrokerOptions, BrokerWarning } from '../../src/broker';
import { eventually } from '../support/eventually';
import { requirePid } from '../support/requirePid';
import { dial, echo, echoBy } from './support/echo';
import { readAll, readBytes } from './support/readAll';
import { ended, fixtureService, isAlive, TestBrokers } from './support/TestBrokers';
import { takesConnections } from './support/takesConnections';

/** Both what an endpoint has to answer in, and what a process has to start in. */
const START_TIMEOUT_MS = 10_000;

interface Manifest {
  version: number;
  backends: AdoptableBackend[];
}

describe('a broker with a state directory', () => {
  let brokers: TestBrokers;
  let stateDirectory: string;
  let options: BrokerOptions;

  beforeEach(() => {
    brokers = new TestBrokers();
    stateDirectory = brokers.path('state');
    options = { socketPath: brokers.path('broker.sock'), stateDirectory, services: [fixtureService()] };
  });
  afterEach(async () => expect(await brokers.stop()).toEqual([]));

  const manifestPath = (): string => join(stateDirectory, 'manifest.json');
  const readManifest = (): Manifest => JSON.parse(readFileSync(manifestPath(), 'utf8')) as Manifest;

  /** What is left when a broker was killed. */
  async function killedBroker(changes: Partial<BrokerOptions> = {}): Promise<AdoptableBackend> {
    const { broker, backends } = await brokers.startProcess({ ...options, ...changes });
    await broker.kill();
    const [backend] = backends;
    if (backend === undefined) throw new Error('the broker had no backend');
    return backend;
  }

  /** Starts a broker, and collects its warnings. */
  async function start(
    changes: Partial<BrokerOptions> = {},
  ): Promise<{ broker: Broker; warnings: BrokerWarning[] }> {
    const broker = await brokers.start({ ...options, ...changes });
    const warnings: BrokerWarning[] = [];
    broker.on('warning', (warning) => warnings.push(warning));
    return { broker, warnings };
  }

  it('that is killed leaves its backends running, and the next one adopts them', async () => {
    const { broker: killed, backends } = await brokers.startProcess(options);
    const open = await dial(options, { allowHalfOpen: true });
    expect(open.route).toBe('handedOff');
    await killed.kill();
    expect(existsSync(options.socketPath)).toBe(true);

    open.socket.write('while no broker is there');
    expect(String(await readBytes(open.socket, 24))).toBe('while no broker is there');

    const { broker } = await start();
    expect(broker.adoptableBackends()).toEqual(backends);
    expect(broker.backends()).toMatchObject([
      { adopted: false, pid: backends[0]?.pid, state: 'idle', process: 'ready' },
    ]);
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    expect(readManifest().backends).toEqual(backends);
    open.socket.end('and now');
    open.socket.resume();
    expect(String(await readAll(open.socket))).toBe('and now');
  });

  it('hands over again when an adopted backend has ended', async () => {
    const { pid } = await killedBroker();
    const { broker } = await start();
    const ready = once(broker, 'backendReady');
    process.kill(pid, 'SIGKILL');
    await ready;
    expect(broker.backends()).toMatchObject([{ adopted: false, state: 'idle' }]);
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    expect(readManifest().backends).toEqual(broker.adoptableBackends());
  });

  it('starts one process for an adopted one that ends while the broker still starts', async () => {
    const slow = { ...fixtureService('ignoreStop'), name: 'slow' };
    const both = { services: [fixtureService(), slow] };
    const { broker: killed, backends } = await brokers.startProcess({ ...options, ...both });
    await killed.kill();
    const adopted = requirePid(backends.find(({ serviceName }) => serviceName === 'echo')?.pid);
    let isFound = false;
    const started = new Set<number>();
    // The broker starts no backend before it has ended the process that no service needs, which takes a while.
    const { broker } = await start({
      stopTimeoutMs: 3000,
      inspect: ({ type, actorRef }) => {
        const { id } = actorRef as AnyActorRef;
        const [, shown] = /^echo@1\.0\.0 pid (\d+)$/.exec(id) ?? [];
        if (shown !== undefined && Number(shown) !== adopted) started.add(Number(shown));
        if (isFound || type !== '@xstate.snapshot' || id !== `echo@1.0.0 pid ${adopted}`) return;
        isFound = true;
        setImmediate(() => process.kill(adopted, 'SIGKILL'));
      },
    });
    expect(isFound).toBe(true);
    await eventually('a process that is ready', () => broker.backends()[0]?.process === 'ready');
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    const [{ pid }] = broker.adoptableBackends() as [AdoptableBackend];
    expect([...started]).toEqual([pid]);
    await broker.stop();
    await ended(pid);
    expect(readManifest().backends).toEqual([]);
  });

  it('continues the windows of the broker before', async () => {
    const changes: Partial<BrokerOptions> = {
      services: [fixtureService('permission')],
      policy: { maxFailedAttemptsPerWindow: 2, failedAttemptWindowMs: 600_000 },
    };
    const { broker: killed } = await brokers.startProcess({ ...options, ...changes });
    for (let failures = 0; failures < 2; failures += 1) {
      expect(await echoBy(options)).toMatchObject({ reason: 'permissionDenied' });
    }
    const { retryAfterMs = 0 } = await echoBy(options);
    const snapshot = join(stateDirectory, 'controller.json');
    await eventually('the snapshot', () => /"failedAttempts":2/.test(readFileSync(snapshot, 'utf8')));
    await killed.kill();

    const { broker } = await start(changes);
    const limited = await echo(broker);
    expect(limited).toMatchObject({ reason: 'failedAttemptRateLimited' });
    expect(limited.retryAfterMs).toBeGreaterThan(0);
    expect(limited.retryAfterMs).toBeLessThan(retryAfterMs);

    // The same after an orderly end.
    await broker.stop();
    const { broker: third } = await start(changes);
    expect((await echo(third)).retryAfterMs).toBeLessThan(limited.retryAfterMs ?? 0);
  });

  it.each<[string, (backend: AdoptableBackend) => Partial<AdoptableBackend>]>([
    ['another start', () => ({ processStart: 'another boot/1' })],
    ['the id of a process of ours', () => ({ pid: process.pid })],
    ['the id of a process of ours and its start', () => ownProcess()],
    ['the id of a process that is gone', () => ({ pid: goneProcess() })],
    ['another backend', () => ({ backend: 'f'.repeat(32) })],
    ['another service', () => ({ serviceName: 'other' })],
    ['an endpoint where nobody is', () => ({ endpoint: '/nowhere.sock' })],
  ])('adopts the process that the system reports if the entry says %s', async (_, change) => {
    const backend = await killedBroker();
    writeFileSync(
      manifestPath(),
      JSON.stringify({ version: 1, backends: [{ ...backend, ...change(backend) }] }),
    );
    const { broker } = await start();
    expect(broker.adoptableBackends()).toEqual([backend]);
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    expect(readManifest().backends).toEqual([backend]);
  });

  describe('at whose endpoint a stranger', () => {
    it('is silent: ends no process that it did not start', async () => {
      const backend = await killedBroker();
      const sleeper = spawn('sleep', ['600']);
      brokers.atEnd(() => sleeper.kill('SIGKILL'));
      const endpoint = brokers.path('silent');
      const stranger = createServer((socket) => socket.resume());
      brokers.atEnd(() => stranger.close());
      await new Promise<void>((resolve) => stranger.listen(endpoint, resolve));
      const pid = requirePid(sleeper.pid);
      const forged = { ...backend, backend: 'f'.repeat(32), endpoint, pid, ...startOf(pid) };
      writeFileSync(manifestPath(), JSON.stringify({ version: 1, backends: [forged] }));
      const { broker, warnings } = await start({ startTimeoutMs: START_TIMEOUT_MS });
      expect(broker.backends()).toMatchObject([{ adopted: false, pid: backend.pid }]);
      await eventually('a warning', () => warnings.length > 0);
      expect(isAlive(pid)).toBe(true);
    });
  });

  it('ends its own backend that never answers, and starts another', async () => {
    const backend = await killedBroker();
    process.kill(backend.pid, 'SIGSTOP');
    const { broker, warnings } = await start({ startTimeoutMs: START_TIMEOUT_MS });
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    await eventually('a warning', () => warnings.length > 0);
    expect(warnings).toMatchObject([
      { code: 'adoptionRefused', message: expect.stringContaining('it was ended') },
    ]);
    await ended(backend.pid);
  });

  it('ends the backend of a removed service', async () => {
    const backend = await killedBroker({ services: [fixtureService('echo', { name: 'old' })] });
    const { broker, warnings } = await start();
    await eventually('a warning', () => warnings.length > 0);
    expect(warnings).toMatchObject([
      { code: 'adoptionRefused', message: expect.stringContaining('no such service') },
    ]);
    await ended(backend.pid);
    expect(readManifest().backends).toEqual(broker.adoptableBackends());
  });

  it('that is killed while a backend starts is followed by one that goes on with it, once it listens', async () => {
    // It comes to listen when its broker is gone, not before.
    const echoes = fixtureService();
    const gate = brokers.path('gate');
    const module = brokers.path('backend.js');
    writeFileSync(
      module,
      `const { existsSync } = require('node:fs');
      const timer = setInterval(() => {
        if (!existsSync(process.argv[4])) return;
        clearInterval(timer);
        require(process.argv[5]);
      }, 5);`,
    );
    const { broker: killed, pid } = await brokers.startingProcess({
      ...options,
      services: [{ ...echoes, module, args: ['echo', '', gate, echoes.module], logFile: '/dev/null' }],
    });
    await killed.kill();
    writeFileSync(gate, '');
    const endpoints = join(stateDirectory, 'endpoints');
    await eventually('the backend to listen', async () => {
      const [name] = readdirSync(endpoints);
      return name !== undefined && (await takesConnections(join(endpoints, name)));
    });
    const { broker } = await start();
    expect(broker.backends()).toMatchObject([{ adopted: false, pid }]);
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
  });

  it.each(['manifest.json', 'controller.json'])('sets a damaged %s aside and continues', async (name) => {
    mkdirSync(stateDirectory, { mode: 0o700 });
    const path = join(stateDirectory, name);
    writeFileSync(path, '{"version":1,"backends":[{"pid":');
    writeFileSync(`${path}.new`, 'of a writer that was killed');
    const { broker, warnings } = await start();
    await eventually('a warning', () => warnings.length > 0);
    expect(warnings).toMatchObject([{ code: 'stateDamaged', message: expect.stringContaining(name) }]);
    expect(readFileSync(`${path}.damaged`, 'utf8')).toContain('"pid":');
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    // Only with the broker's end nothing is being written.
    await broker.stop();
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  it('does not share it', async () => {
    const { broker } = await start();
    for (const socketPath of [options.socketPath, brokers.path('other.sock')]) {
      await expect(start({ socketPath })).rejects.toMatchObject({
        code: 'alreadyRunning',
        message: expect.stringContaining(stateDirectory),
      });
    }
    expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    for (const name of ['', 'endpoints', 'logs']) {
      expect(statSync(join(stateDirectory, name)).mode & 0o777).toBe(0o700);
    }
    for (const name of ['manifest.json', 'lock.sock', 'logs/echo@1.0.0.log']) {
      expect(statSync(join(stateDirectory, name)).mode & 0o777).toBe(0o600);
    }
  });

  it('refuses one that is open to others, or not a directory', async () => {
    mkdirSync(stateDirectory);
    chmodSync(stateDirectory, 0o750);
    await expect(start()).rejects.toMatchObject({
      code: 'unsafePermissions',
      message: expect.stringContaining('750'),
    });
    const file = brokers.path();
    writeFileSync(file, '');
    await expect(start({ stateDirectory: file })).rejects.toMatchObject({
      code: 'listenFailed',
      message: expect.stringContaining(file),
    });
  });

  it('that stops leaves no process and no socket; one that leaves its backends has them adopted', async () => {
    const { broker: first } = await start();
    const [left] = (await first.stop({ backends: 'leave' })).adopt;
    const { broker: second } = await start();
    expect(second.adoptableBackends()).toEqual([left]);
    await second.stop();
    await ended(requirePid(left?.pid));
    expect(readManifest().backends).toEqual([]);
    expect(readdirSync(join(stateDirectory, 'endpoints'))).toEqual([]);
    expect(existsSync(join(stateDirectory, 'lock.sock'))).toBe(false);
  });

  it('that cannot start leaves alone what it adopted', async () => {
    const { pid } = await killedBroker();
    const broken = fixtureService('exitAtOnce', { name: 'broken', logFile: '/dev/null' });
    await expect(start({ services: [fixtureService(), broken] })).rejects.toMatchObject({
      code: 'startFailed',
    });
    expect(isAlive(pid)).toBe(true);
    expect((await start()).broker.backends()).toMatchObject([{ adopted: false, pid }]);
  });
});

function startOf(pid: number): Pick<AdoptableBackend, 'processStart'> {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return {
    processStart: `${boot}/${readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19]}`,
  };
}

function ownProcess(): Partial<AdoptableBackend> {
  return { pid: process.pid, ...startOf(process.pid) };
}

function goneProcess(): number {
  return Number(execFileSync('sh', ['-c', 'echo $$']));
}
