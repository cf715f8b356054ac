import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client';
import { eventually } from '../support/eventually';
import { Command, DEMO_BACKEND } from './support/Command';
import { get, scrape } from './support/scrape';

describe('the metrics endpoint of a broker', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'hc-metrics-'));
  const socketPath = join(temporary, 'b.sock');
  const config = join(temporary, 'broker.json');
  const configure = (settings: object): void => {
    const services = [{ name: 'echo', version: '1.0.0', module: DEMO_BACKEND }];
    writeFileSync(config, JSON.stringify({ socketPath, services, ...settings }));
  };
  let command: Command | undefined;
  const start = async (settings: object, ...args: string[]): Promise<Command> => {
    configure(settings);
    command = new Command(['broker', '--config', config, ...args], temporary);
    await command.printed('"listening"');
    return command;
  };
  const addresses = ({ log }: Command): string[] =>
    log.flatMap(({ message, address }) => (message === 'serving metrics' ? [String(address)] : []));
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    command?.child.kill('SIGTERM');
    await command?.ended();
    command = undefined;
  });
  afterAll(() => rmSync(temporary, { recursive: true, force: true }));

  const reload = async ({ child, log }: Command, text: string): Promise<void> => {
    const before = log.length;
    child.kill('SIGHUP');
    await eventually(text, () => command?.log.slice(before).some(({ message }) => message.includes(text)));
  };

  test('moves with a reload: the new one listens before the old one closes', async () => {
    const running = await start({ metrics: { socketPath: 'old.sock' } });
    const old = join(temporary, 'old.sock');
    expect((await scrape(old)).length).toBeGreaterThan(0);
    configure({ metrics: { port: 0 } });
    await reload(running, 'configuration reloaded');
    const [, port = ''] = addresses(running);
    const { socket } = await connect({ socketPath, service: 'echo' });
    socket.destroy();
    const connections = (await scrape(port)).find(({ name }) => name === 'handoff_connections_total');
    // The counts go on.
    expect(connections?.value).toBeGreaterThanOrEqual(1);
    await eventually('the old one is closed', () => !existsSync(old));
    configure({});
    await reload(running, 'configuration reloaded');
    await eventually('nothing is served', () =>
      get(port).then(
        () => false,
        () => true,
      ),
    );
    configure({ metrics: { socketPath: 'new.sock' } });
    await reload(running, 'configuration reloaded');
    expect((await scrape(join(temporary, 'new.sock'))).length).toBeGreaterThan(0);
  });

  test('stays when the new address is taken, or another change is refused', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    try {
      const { port } = taken.address() as AddressInfo;
      const running = await start({ metrics: { socketPath: 'old.sock' } });
      configure({ metrics: { port } });
      await reload(
        running,
        `is unchanged: can't listen on port ${port} of 127.0.0.1: another process has it`,
      );
      configure({ metrics: { socketPath: 'new.sock' }, instance: 'another' });
      await reload(
        running,
        'is unchanged: a running broker can\u2019t change instance'.replace('\u2019', "'"),
      );
      expect(existsSync(join(temporary, 'new.sock'))).toBe(false);
      expect((await scrape(join(temporary, 'old.sock'))).length).toBeGreaterThan(0);
    } finally {
      taken.close();
    }
  });

  test('answers valid requests only', async () => {
    const running = await start({ metrics: { port: 0 } });
    const [address = ''] = addresses(running);
    const ask = async (method: string, path: string) => {
      const { port } = new URL(address);
      const sent = request({ host: '127.0.0.1', port, path, method, agent: false }).end();
      const [response] = await once(sent, 'response');
      let body = '';
      for await (const chunk of response) body += chunk;
      return {
        status: response.statusCode,
        allow: response.headers.allow,
        length: response.headers['content-length'],
        body,
      };
    };
    const head = await ask('HEAD', '/metrics');
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(Number(head.length)).toBeGreaterThan(1_000);
    expect(await ask('POST', '/metrics')).toMatchObject({ status: 405, allow: 'GET, HEAD' });
    expect(await ask('GET', '/')).toMatchObject({ status: 404, body: 'There is only /metrics' });
    expect(await ask('GET', '/metrics?x')).toMatchObject({ status: 200 });
    // Whoever leaves before the answer is there.
    for (let i = 0; i < 50; i++) {
      const leaving = connectTcp(Number(new URL(address).port), '127.0.0.1');
      leaving.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(20));
      await once(leaving, 'connect');
      leaving.resetAndDestroy();
    }
    expect(await ask('GET', '/metrics')).toMatchObject({ status: 200 });
  });

  test('silent connections to its port and to the viewer\u2019s starve no client, and are logged', async () => {
    const running = await start({ metrics: { port: 0 } }, '--inspect');
    const [metrics = ''] = addresses(running);
    const viewer = String(running.log.find(({ message }) => message === 'inspection attached')?.url);
    const fds = async (): Promise<number> =>
      (await scrape(metrics)).find(({ name }) => name === 'handoff_fd_open')?.value ?? 0;
    const before = await fds();
    for (const address of [metrics, viewer]) {
      const port = Number(new URL(address).port);
      for (let batch = 0; batch < 10; batch++) {
        const connecting = Array.from({ length: 100 }, async () => {
          const socket = connectTcp(port, '127.0.0.1');
          sockets.push(socket);
          socket.on('error', () => {});
          await once(socket, 'connect');
        });
        await Promise.all(connecting);
      }
    }
    expect((await fds()) - before).toBeLessThanOrEqual(32 + 128);
    const { socket, route } = await connect({ socketPath, service: 'echo' });
    socket.destroy();
    expect(route).toBe('handedOff');
    await running.printed('closed metrics connections');
    await running.printed('the inspector refused messages or connections');
  });

  test.each([
    ['metrics', { metrics: { port: 'TAKEN' } }, []],
    ['the viewer', {}, ['--inspect', '--inspect-port', 'TAKEN']],
  ])('a taken port for %s fails the start with an error', async (_, settings, args) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    try {
      const { port } = taken.address() as AddressInfo;
      configure(JSON.parse(JSON.stringify(settings).replace('"TAKEN"', String(port))));
      command = new Command(
        ['broker', '--config', config, ...args.map((arg) => arg.replace('TAKEN', String(port)))],
        temporary,
      );
      expect(await command.ended()).toBe(1);
      expect(command.stderr).toContain(
        `error: can't listen on port ${port} of 127.0.0.1: another process has it`,
      );
    } finally {
      taken.close();
    }
  });

  test('a path that is too long is refused, by name, before anything starts', async () => {
    for (const path of ['x'.repeat(120), 'with\0zero']) {
      configure({ metrics: { socketPath: path } });
      command = new Command(['broker', '--config', config, '--check'], temporary);
      expect(await command.ended()).toBe(1);
      expect(command.stderr).toContain('metrics.socketPath must');
    }
    configure({ socketPath: 'x'.repeat(120) });
    command = new Command(['status', '--config', config], temporary);
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toContain('socketPath must have at most');
  });
});
