import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { itNeeds } from '../support/itNeeds';
import { Command, DEMO_BACKEND, endCommands } from './support/Command';
import { dial } from './support/echo';
import { readBytes } from './support/readAll';
import { get } from './support/scrape';
import { ended } from './support/TestBrokers';

describe('the command', () => {
  let temporary = '';

  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'hc-cli-'));
  });

  afterEach(async () => {
    await endCommands();
    rmSync(temporary, { recursive: true, force: true });
  });

  const run = (...args: string[]) => new Command(args, temporary);

  it('demo --json prints one object: no error, no byte lost, and every reason of the scenario', async () => {
    const command = run('demo', '--duration', '1h', '--json');
    const socketPath = await eventually('the demo\u2019s socket', () =>
      readdirSync(temporary, { recursive: true, encoding: 'utf8' }).find((name) =>
        name.endsWith('broker.sock'),
      ),
    );
    const reasons = [
      'clientUnsupported',
      'servicePolicyDisabled',
      'permissionDenied',
      'backendAckTimeout',
      'failedAttemptRateLimited',
    ];
    // However long the machine takes for it.
    await eventually('every reason', async () => {
      const status = run('status', '--socket', join(temporary, socketPath), '--json');
      await status.ended();
      const { backends } = JSON.parse(status.stdout) as {
        backends: {
          service: string;
          reconnected: Record<string, number> & { failedAttemptRateLimited?: number };
        }[];
      };
      const isCounted = (reason: string) => backends.some(({ reconnected }) => reason in reconnected);
      // A client that the backend let wait is counted by the broker first: those before it have got their connection.
      const silent = backends.find(({ service }) => service === 'silent');
      return reasons.every(isCounted) && (silent?.reconnected.failedAttemptRateLimited ?? 0) > 0;
    });
    command.child.kill('SIGINT');
    expect(await command.ended()).toBe(0);
    const summary = JSON.parse(command.stdout);
    expect(summary).toMatchObject({ clientErrors: 0, bytesLost: 0 });
    expect(summary.bytesSent).toBeGreaterThan(0);
    expect(summary.bytesReceived).toBe(summary.bytesSent);
    for (const reason of reasons) expect(summary.reconnected[reason]).toBeGreaterThan(0);
    const reconnected = Object.values<number>(summary.reconnected).reduce((sum, count) => sum + count, 0);
    expect(summary.handedOff).toBeGreaterThan(0);
    expect(summary.handedOff + reconnected).toBe(summary.connections);
    // Neither a process nor a socket is left.
    for (const { pid } of summary.backends) await ended(pid);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('demo ends cleanly on SIGINT', async () => {
    const command = run('demo', '--duration', '1h');
    await command.printed('rateLimited');
    // In front of the table, and for as long as the demo runs.
    const [, viewer = ''] =
      /^Watch the charts live at (http:\/\/127\.0\.0\.1:\d+\/)\n\nbackend/.exec(command.stdout) ?? [];
    expect(await get(viewer, '/')).toMatchObject({ status: 200, body: expect.stringContaining('<html') });
    command.child.kill('SIGINT');
    expect(await command.ended()).toBe(0);
    expect(command.stdout).toContain('lost 0 bytes');
    expect(command.stdout).not.toContain('\u001b');
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('demo --no-inspect serves no viewer, and continues after its reader has closed the pipe', async () => {
    const command = run('demo', '--duration', '1s', '--no-inspect');
    await command.printed('backend');
    expect(command.stdout).toMatch(/^backend/);
    command.child.stdout?.destroy();
    expect(await command.ended()).toBe(0);
    expect(command.stderr).toBe('');
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('demo reports that the viewer\u2019s port is taken, and leaves nothing behind', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    try {
      const { port } = taken.address() as AddressInfo;
      const command = run('demo', '--inspect-port', String(port));
      expect(await command.ended()).toBe(1);
      expect(command.stderr).toContain('another process has it');
      expect(readdirSync(temporary)).toEqual([]);
    } finally {
      taken.close();
    }
  });

  it.each([
    [['demo', '--duration', '10'], 'not a duration'],
    [['demo', '--clients', '0'], 'not an integer from 1 to 256'],
    [['demo', '--policy', '8'], 'not a policy'],
    [['demo', '--policy', '8/'], 'not a policy'],
    [['demo', '--speed'], 'unknown option'],
    [['demo', '--inspect-port', '70000'], 'not a port'],
    [['broker', '--config', 'x', '--inspect=other'], 'Allowed choices are own, stately'],
    [['broker', '--config', 'x', '--log-level', 'loud'], 'Allowed choices are'],
    [['broker'], "required option '--config"],
    [['dance'], 'unknown command'],
  ])('%p is invalid usage, with a message and exit status 2', async (args, message) => {
    const command = run(...args);
    expect(await command.ended()).toBe(2);
    expect(command.stderr).toContain(message);
    expect(command.stdout).toBe('');
  });

  it('--help lists commands and options', async () => {
    const command = run('demo', '--help');
    expect(await command.ended()).toBe(0);
    for (const option of ['--duration', '--clients', '--policy', '--json', '--no-inspect', '--inspect-port'])
      expect(command.stdout).toContain(option);
  });

  describe('broker', () => {
    const write = (config: unknown): string => {
      const file = join(temporary, 'broker.json');
      writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
      return file;
    };
    const good = {
      socketPath: 'b.sock',
      services: [{ name: 'echo', version: '1.0.0', module: DEMO_BACKEND }],
      ackDeadlineMs: 60_000,
      startTimeoutMs: 60_000,
    };

    it('serves until SIGTERM, and leaves nothing behind', async () => {
      const command = run('broker', '--config', write(good));
      await command.printed('listening');
      const { socket, route } = await dial({ socketPath: join(temporary, 'b.sock') }, { earlyData: 'hi' });
      expect(route).toBe('handedOff');
      expect(String(await readBytes(socket, 2))).toBe('hi');
      socket.destroy();
      command.child.kill('SIGTERM');
      expect(await command.ended()).toBe(0);
      expect(command.stdout).toBe('');
      expect(readdirSync(temporary)).toEqual(['broker.json']);
    });

    it('reloads its configuration on SIGHUP, and keeps the old one if the new one is invalid', async () => {
      const command = run('broker', '--config', write(good));
      await command.printed('listening');
      const more = { name: 'more', version: '1.0.0', module: DEMO_BACKEND };
      write({ ...good, services: [...good.services, more] });
      command.child.kill('SIGHUP');
      await command.printed('configuration reloaded');
      write({ ...good, socketPath: 'other.sock' });
      command.child.kill('SIGHUP');
      await command.printed("is unchanged: a running broker can't change socketPath");
      const { socket, route } = await dial({ socketPath: join(temporary, 'b.sock') }, { service: 'more' });
      expect(route).toBe('handedOff');
      socket.destroy();
      command.child.kill('SIGTERM');
      expect(await command.ended()).toBe(0);
    });

    /** Serves, and reloads, though each of it would be logged. */
    async function useMuted(command: Command, config: typeof good): Promise<void> {
      const use = async (service: string): Promise<void> => {
        const socketPath = join(temporary, 'b.sock');
        const { socket } = await dial({ socketPath }, { service, earlyData: 'hi', brokerWaitMs: 30_000 });
        expect(String(await readBytes(socket, 2))).toBe('hi');
        socket.destroy();
      };
      for (let i = 0; i < 10; i += 1) await use('echo');
      write({ ...config, services: [...config.services, { ...config.services[0], name: 'more' }] });
      command.child.kill('SIGHUP');
      await eventually('the other configuration', () =>
        use('more').then(
          () => true,
          (error: Error) => {
            expect(error).toMatchObject({ code: 'unknownService' });
            return false;
          },
        ),
      );
      command.child.kill('SIGTERM');
      expect(await command.ended()).toBe(0);
      expect(readdirSync(temporary)).toEqual(['broker.json']);
    }

    it('continues when nobody reads its log any more', async () => {
      const command = run('broker', '--config', write(good), '--log-level', 'debug');
      await command.printed('listening');
      const { stderr } = command.child;
      if (stderr !== null) await once(stderr.destroy(), 'close');
      await useMuted(command, good);
    });

    itNeeds('Linux', process.platform === 'linux')(
      'goes on when its log cannot be written, as on a full disk',
      async () => {
        const fullDisk = openSync('/dev/full', 'w');
        const args = ['broker', '--config', write(good), '--log-level', 'debug'];
        const command = new Command(args, temporary, {}, 'pipe', fullDisk);
        closeSync(fullDisk);
        await useMuted(command, good);
      },
    );

    it('leaves its backends to the next one with onStop leave', async () => {
      const library = compiled('src/backend');
      const module = join(temporary, 'survivor.js');
      writeFileSync(
        module,
        `require(${JSON.stringify(library)}).serveBackend({ onConnection: (socket) => socket.pipe(socket) })`,
      );
      const kept = {
        ...good,
        services: [{ name: 'echo', version: '1.0.0', module }],
        stateDirectory: 'state',
      };
      const config = write({ ...kept, onStop: 'leave' });
      for (const adopted of [false, true]) {
        const command = run('broker', '--config', config);
        await command.printed('listening');
        const { socket, route } = await dial({ socketPath: join(temporary, 'b.sock') });
        expect(route).toBe('handedOff');
        socket.destroy();
        if (adopted) {
          write({ ...kept, onStop: 'stop' });
          command.child.kill('SIGHUP');
          await command.printed('configuration reloaded');
        }
        command.child.kill('SIGTERM');
        expect(await command.ended()).toBe(0);
      }
      expect(readdirSync(join(temporary, 'state', 'endpoints'))).toEqual([]);
    });

    it('--check tells whether the configuration is valid, and starts nothing', async () => {
      const command = run('broker', '--config', write(good), '--check', '--json');
      expect(await command.ended()).toBe(0);
      expect(JSON.parse(command.stdout)).toMatchObject({ valid: true });
    });

    it.each([
      ['not JSON', '{', /broker\.json is not JSON/],
      [
        'a key twice',
        '{"socketPath": "a.sock",\n"services": [],\n"socketPath": "b.sock"}',
        /socketPath is a duplicate key, in lines 1 and 3\n$/,
      ],
      ['no services', { socketPath: 'b.sock' }, /services/],
      ['an unknown field', { ...good, polcy: {} }, /polcy/],
      ['backends left where nobody finds them', { ...good, onStop: 'leave' }, /stateDirectory/],
      ['a bad count', { ...good, maxTransfers: 0 }, /maxTransfers/],
      [
        'a bad version',
        { ...good, services: [{ name: 'a', version: 'one', module: DEMO_BACKEND }] },
        /version.*one/,
      ],
      [
        'a module that is not there',
        { ...good, services: [{ name: 'a', version: '1.0.0', module: 'gone.js' }] },
        /gone\.js/,
      ],
    ])('with %s fails with status 1 and says why', async (_, config, message) => {
      for (const more of [[], ['--check']]) {
        const command = run('broker', '--config', write(config), ...more);
        expect(await command.ended()).toBe(1);
        expect(command.stderr).toMatch(message);
      }
    });

    it('reports a missing file', async () => {
      const command = run('broker', '--config', join(temporary, 'none.json'));
      expect(await command.ended()).toBe(1);
      expect(command.stderr).toMatch(/none\.json/);
    });
  });
});
