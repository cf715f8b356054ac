import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { connect as connectTo, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { AdoptableBackend, Broker } from '../../src/broker';
import { BACKEND_IDENTITY_VARIABLE } from '../../src/protocol/backendIdentity';
import { canBecomeOthers } from '../support/asUser';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { hasProgram, itNeeds } from '../support/itNeeds';
import { requirePid } from '../support/requirePid';
import { rawFrame, takeFrames } from './independentClient';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { dial, echo } from './support/echo';
import { readAll } from './support/readAll';
import { takesConnections } from './support/takesConnections';

const PYTHON_PROGRAM = join(__dirname, '..', '..', 'docs', 'examples', 'backend.py');
const OPEN_CHANNEL = 12;
const CARRY_DESCRIPTORS = 14;

const newId = (): string => randomBytes(16).toString('hex');

/** What there is of a process that no broker started, in the library's words and in others'. */
const PROCESSES: readonly [string, boolean, () => readonly [string, ...string[]]][] = [
  ['Node', true, () => [process.execPath, compiled('test/fixtures/backends/scriptedBackend.ts')]],
  ['Python', hasProgram('python3'), () => ['python3', PYTHON_PROGRAM]],
];

describe.each(PROCESSES)(
  'the channel to a process that no broker started, in %s',
  (name, isThere, program) => {
    const brokers = brokersOfEachTest();
    const itHere = itNeeds(`Linux and ${name}`, process.platform === 'linux' && isThere);

    async function start(): Promise<AdoptableBackend> {
      const directory = brokers.path('endpoints');
      mkdirSync(directory, { mode: 0o700 });
      const endpoint = join(directory, 'backend.sock');
      const identity = { backend: newId(), serviceName: 'echo', serviceVersion: '1.0.0', endpoint };
      const [command, ...args] = program();
      const child = spawn(command, args, {
        env: { ...process.env, [BACKEND_IDENTITY_VARIABLE]: JSON.stringify(identity) },
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      brokers.atEnd(() => child.kill('SIGKILL'));
      const backend = { ...identity, pid: requirePid(child.pid) };
      await eventually('the endpoint', () => takesConnections(endpoint));
      return backend;
    }

    async function ask(endpoint: string, type: number, fields: object) {
      const socket = connectTo({ path: endpoint, allowHalfOpen: true });
      socket.write(rawFrame(type, fields));
      const { frames } = takeFrames(await readAll(socket));
      socket.destroy();
      return frames;
    }

    itHere(
      'is opened by two brokers at once: each hands over, and neither sees the other\u2019s transfers',
      async () => {
        const backend = await start();
        const two: Broker[] = [];
        for (const _ of [1, 2]) two.push(await brokers.start({ adopt: [backend] }));
        for (const broker of two) {
          expect(broker.backends()).toMatchObject([{ pid: backend.pid, adopted: false, state: 'idle' }]);
        }
        const counts = [10, 15];
        await Promise.all(
          two.flatMap((broker, index) =>
            Array.from({ length: counts[index] ?? 0 }, async (_, client) =>
              expect(await echo(broker, `client ${client}`)).toMatchObject({ route: 'handedOff' }),
            ),
          ),
        );
        expect(two.map((broker) => broker.stats())).toMatchObject(
          counts.map((handedOff) => ({ handedOff, unknownAcks: 0, foreignAcks: 0, reconnected: {} })),
        );
        // One that leaves is no matter to the other.
        await two[0]?.stop({ backends: 'leave' });
        expect(await echo(two[1] as Broker)).toMatchObject({ route: 'handedOff' });
      },
    );

    itHere('takes the highest common version, and names both windows where there is none', async () => {
      const { endpoint, backend } = await start();
      const socket = connectTo(endpoint);
      socket.write(rawFrame(OPEN_CHANNEL, { backend, token: newId(), lowest: 1, highest: 9 }));
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      expect(takeFrames(chunk).frames).toMatchObject([{ type: 'channelOpened', fields: { version: 1 } }]);
      const [refused] = await ask(endpoint, OPEN_CHANNEL, { backend, token: newId(), lowest: 2, highest: 5 });
      expect(refused).toMatchObject({
        type: 'error',
        fields: { code: 'unsupportedVersion', retryable: false },
      });
      expect(refused?.fields.message).toMatch(/version 1.*2 to 5/);
    });

    itHere('is refused to who means another process, or no channel', async () => {
      const { endpoint } = await start();
      const opening = { backend: newId(), token: newId(), lowest: 1, highest: 1 };
      expect(await ask(endpoint, OPEN_CHANNEL, opening)).toMatchObject([
        { fields: { code: 'wrongBackend' } },
      ]);
      expect(await ask(endpoint, CARRY_DESCRIPTORS, { token: newId() })).toMatchObject([
        { fields: { code: 'badFrame' } },
      ]);
    });

    itHere('ends with a record that cannot be read, and the process goes on', async () => {
      const backend = await start();
      const socket = connectTo(backend.endpoint);
      socket.write(
        rawFrame(OPEN_CHANNEL, { backend: backend.backend, token: newId(), lowest: 1, highest: 1 }),
      );
      await once(socket, 'data');
      socket.on('error', () => {});
      // It may be reset, with bytes that nobody has read.
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.resume();
      socket.write(Buffer.alloc(64, 0xff));
      await closed;
      const broker = await brokers.start({ adopt: [backend] });
      expect(await echo(broker)).toMatchObject({ route: 'handedOff' });
    });

    itHere('carries reports of open connections', async () => {
      const backend = await start();
      const socket = connectTo(backend.endpoint);
      socket.write(
        rawFrame(OPEN_CHANNEL, { backend: backend.backend, token: newId(), lowest: 1, highest: 1 }),
      );
      await once(socket, 'data');
      let said = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        said = Buffer.concat([said, chunk]);
      });
      brokers.atEnd(() => socket.destroy());
      const broker = await brokers.start({ adopt: [backend] });
      const open = await Promise.all(Array.from({ length: 3 }, () => dial(broker, { handoff: false })));
      const last = (): number | undefined =>
        said.length >= 22 ? said.readUInt32BE(said.length - 4) : undefined;
      await eventually('the report of three', () => last() === 3);
      const ends = open.map(({ socket: each }) => {
        const end = once(each, 'close');
        each.end();
        each.resume();
        return end;
      });
      await Promise.all(ends);
      await eventually('the report that nothing is open', () => said.length % 22 === 0 && last() === 0);
    });

    itNeeds('root', canBecomeOthers && isThere)('is refused to another user\u2019s process', async () => {
      const { endpoint, backend } = await start();
      for (const path of [brokers.directory, dirname(endpoint)]) chmodSync(path, 0o755);
      chmodSync(endpoint, 0o666);
      const bytes = rawFrame(OPEN_CHANNEL, { backend, token: newId(), lowest: 1, highest: 1 });
      const other = spawn(
        process.execPath,
        [
          '-e',
          `const socket = require('node:net').connect(${JSON.stringify(endpoint)});
        socket.write(Buffer.from('${bytes.toString('hex')}', 'hex'));
        socket.pipe(process.stdout);
        setTimeout(() => socket.destroy(), 10_000).unref();`,
        ],
        { uid: 1001, gid: 1001, stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' },
      );
      const chunks: Buffer[] = [];
      other.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
      await once(other, 'close');
      expect(takeFrames(Buffer.concat(chunks)).frames).toMatchObject([
        { type: 'error', fields: { code: 'forbidden', retryable: false } },
      ]);
    });
  },
);

describe('a broker', () => {
  const brokers = brokersOfEachTest();

  it('goes on without a channel where a process takes none that it speaks, and says which', async () => {
    const directory = brokers.path('endpoints');
    mkdirSync(directory, { mode: 0o700 });
    const endpoint = join(directory, 'backend.sock');
    const sleeper = spawn('sleep', ['600']);
    brokers.atEnd(() => sleeper.kill('SIGKILL'));
    const pid = requirePid(sleeper.pid);
    const identity = { backend: newId(), serviceName: 'echo', serviceVersion: '1.0.0', pid };
    const open = new Set<Socket>();
    // Of a later version: it doesn't speak this one.
    const server = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => {});
      socket.once('data', (bytes: Buffer) => {
        const isProbe = bytes[5] === 8;
        socket.write(isProbe ? rawFrame(9, identity) : rawFrame(13, { version: 7, descriptors: true }));
      });
    });
    await once(server.listen(endpoint), 'listening');
    brokers.atEnd(() => {
      for (const socket of open) socket.destroy();
      server.close();
    });
    const broker = await brokers.start({ adopt: [{ ...identity, endpoint }] });
    const [warning] = await once(broker, 'warning');
    expect(warning).toMatchObject({
      code: 'channelFailed',
      message: expect.stringMatching(/version 1.*version 7/),
    });
    expect(broker.backends()).toMatchObject([{ adopted: true, state: 'adopted', process: 'ready' }]);
    await broker.stop({ backends: 'leave' });
  });
});
