import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import type { RouteEvent, TransferEvent } from '../../src/broker';
import { connect } from '../../src/client';
import { eventually } from '../support/eventually';
import { itNeeds } from '../support/itNeeds';
import { Command, DEMO_BACKEND } from './support/Command';
import { dial } from './support/echo';
import { readAll } from './support/readAll';
import { get, type Sample, scrape } from './support/scrape';
import { fixtureService, TestBrokers } from './support/TestBrokers';

interface PromqlParser {
  parse(query: string): {
    iterate(spec: {
      enter(node: { name: string; from: number; to: number; type: { isError: boolean } }): void;
    }): void;
  };
}

// Its types are those of an ES module only; what Jest loads is not.
const { parser } = jest.requireActual<{ parser: PromqlParser }>('@prometheus-io/lezer-promql');
const DOCS = join(__dirname, '..', '..', 'docs');

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('trace context', () => {
  const brokers = new TestBrokers();

  afterAll(async () => expect(await brokers.stop()).toEqual([]));

  it.each([true, false])('goes to events and backend on either route (handoff %p)', async (handoff) => {
    const broker = await brokers.start({ services: [fixtureService('info')] });
    const routes: RouteEvent[] = [];
    const transfers: TransferEvent[] = [];
    broker.on('route', (event) => routes.push(event));
    broker.on('transfer', (event) => transfers.push(event));
    const { socket, route } = await dial(broker, { handoff, traceparent: TRACEPARENT });
    expect(JSON.parse(String(await readAll(socket)))).toMatchObject({ route, traceparent: TRACEPARENT });
    // A client has its way before the broker has the acknowledgement.
    await broker.stop();
    expect(routes).toEqual([expect.objectContaining({ route, traceparent: TRACEPARENT })]);
    expect(routes[0]?.elapsedMs).toBeGreaterThan(0);
    expect(transfers.length > 0).toBe(handoff);
    for (const transfer of transfers) expect(transfer).toMatchObject({ traceparent: TRACEPARENT });
  });

  it('is omitted if the client sends none, and refused if invalid', async () => {
    const { socketPath } = await brokers.start({ services: [fixtureService('info')] });
    const { socket } = await connect({ socketPath, service: 'echo' });
    expect(JSON.parse(String(await readAll(socket)))).not.toHaveProperty('traceparent');
    const error = await connect({ socketPath, service: 'echo', traceparent: 'nonsense' }).catch((e) => e);
    expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  });
});

/** Name and labels of each metric that a query selects, groups by or joins on. */
function metricsOf(query: string): Map<string, Set<string>> {
  const metrics = new Map<string, Set<string>>();
  const labels = new Set<string>();
  const text = query.replaceAll('$__rate_interval', '1m');
  parser.parse(text).iterate({
    enter({ name, from, to, type }) {
      if (type.isError) throw new Error(`${query} is not PromQL, at ${from}`);
      if (name === 'VectorSelector') metrics.set(text.slice(from, to).split('{')[0] ?? '', labels);
      if (name === 'LabelName') labels.add(text.slice(from, to));
    },
  });
  return metrics;
}

function labelsOf(samples: readonly Sample[], name: string): string[] {
  return [
    ...new Set(samples.filter((each) => each.name === name).flatMap(({ labels }) => Object.keys(labels))),
  ];
}

interface Inspected {
  readonly type: string;
  readonly name?: string;
  readonly handedOff?: { readonly count: number; readonly latencyMs?: { readonly p50: number } };
}

/** What a viewer at this address is told, until it has seen enough. */
async function watch(url: string, isEnough: (seen: readonly Inspected[]) => boolean): Promise<Inspected[]> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}?batched`);
  const seen: Inspected[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (text) => {
      seen.push(...(JSON.parse(String(text)) as Inspected[]));
      if (isEnough(seen)) resolve();
    });
  });
  socket.close();
  return seen;
}

function hasRoutes({ type, handedOff }: Inspected): boolean {
  return type === '@handoff.routes' && (handedOff?.count ?? 0) > 0;
}

describe('handoff-controller demo', () => {
  let onTestEnd: () => Promise<number | null> = () => Promise.resolve(0);

  let temporary = '';
  beforeAll(() => {
    temporary = mkdtempSync(join(tmpdir(), 'hc-demo-'));
  });

  // A run of an hour would outlive a test that fails.
  afterEach(() => onTestEnd());
  afterAll(() => rmSync(temporary, { recursive: true, force: true }));

  it('shows every backend\u2019s chart and the latencies at the address that it prints', async () => {
    const command = new Command(['demo', '--duration', '1h'], temporary);
    onTestEnd = () => {
      command.child.kill('SIGINT');
      return command.ended();
    };
    await command.printed('Watch the charts live');
    const [viewer = ''] = /http:\S+/.exec(command.stdout) ?? [];
    const messages = await watch(viewer, (seen) => seen.some(hasRoutes));
    const names = messages.flatMap(({ type, name }) => (type === '@xstate.actor' ? [name] : []));
    for (const name of ['echo@1.4.2', 'echo@2.0.0', 'refusing@1.0.0', 'silent@1.0.0', 'policy-off@1.0.0']) {
      expect(names).toContain(name);
    }
    expect(messages.find(hasRoutes)?.handedOff?.latencyMs?.p50).toBeGreaterThan(0);
    expect(await onTestEnd()).toBe(0);
  });
});

describe('handoff-controller broker', () => {
  const temporary = join(tmpdir(), 'hc-observe');
  beforeAll(() => mkdirSync(temporary, { mode: 0o700 }));
  const socketPath = join(temporary, 'b.sock');
  const config = join(temporary, 'broker.json');
  let command: Command;

  const start = (settings: object = {}, ...args: string[]): Promise<Command> =>
    startIn({}, settings, ...args);
  const startIn = async (env: NodeJS.ProcessEnv, settings: object, ...args: string[]): Promise<Command> => {
    const services = [
      { name: 'echo', version: '1.0.0', module: DEMO_BACKEND },
      { name: 'echo', version: '2.0.0', module: DEMO_BACKEND },
      { name: 'refusing', version: '1.0.0', module: DEMO_BACKEND, args: ['refusing'] },
      { name: 'off', version: '1.0.0', module: DEMO_BACKEND, handoff: false },
    ];
    // Windows that end when the test is long over.
    const policy = { maxFailedAttemptsPerWindow: 2, failedAttemptWindowMs: 3_600_000 };
    const deadlines = { ackDeadlineMs: 60_000, startTimeoutMs: 60_000 };
    writeFileSync(config, JSON.stringify({ socketPath, services, policy, ...deadlines, ...settings }));
    await endStarted();
    command = new Command(['broker', '--config', config, ...args], temporary, env);
    started.push(command);
    await command.printed('"listening"');
    return command;
  };
  const stop = async (): Promise<void> => {
    command.child.kill('SIGTERM');
    expect(await command.ended()).toBe(0);
  };
  const ask = async (service: string, handoff = true): Promise<string> => {
    const { socket, route, reason } = await dial(
      { socketPath },
      { service, handoff, traceparent: TRACEPARENT },
    );
    socket.destroy();
    return reason ?? route;
  };
  const logged = (message: string) => command.log.filter((line) => line.message === message);

  // Those that a failed test left.
  const started: Command[] = [];
  const endStarted = async (): Promise<void> => {
    for (const each of started.splice(0)) {
      each.child.kill('SIGTERM');
      await each.ended();
    }
  };
  afterAll(async () => {
    await endStarted();
    rmSync(temporary, { recursive: true, force: true });
  });

  describe('with metrics on a Unix-domain socket', () => {
    const metrics = join(temporary, 'm.sock');
    let samples: Sample[] = [];
    const total = (name: string, labels: Record<string, string>): number =>
      samples
        .filter((each) => each.name === name)
        .filter((each) => Object.entries(labels).every(([label, value]) => each.labels[label] === value))
        .reduce((sum, { value }) => sum + value, 0);

    beforeAll(async () => {
      await start({ metrics: { socketPath: 'm.sock' } });
      for (const service of ['echo', 'refusing', 'refusing', 'refusing', 'off']) await ask(service);
      await ask('echo', false);
      await ask('a service of the client\u2019s own').catch(() => {});
      await eventually(
        'the suspension to be logged',
        () => logged('handoff is suspended: the backend kept failing').length === 1,
      );
      // The acknowledgement comes behind the client's reply.
      await eventually('the handoff to be counted', async () => {
        samples = await scrape(metrics);
        return total('handoff_decisions_total', { route: 'handedOff' }) > 0;
      });
    });
    afterAll(stop);

    it('counts decisions by reason and service, attempts, and failures by kind', () => {
      const decisions = (service: string, reason: string): number =>
        total('handoff_decisions_total', { broker: 'shared', service, reason });
      expect(decisions('echo', 'none')).toBe(1);
      expect(decisions('echo', 'clientUnsupported')).toBe(1);
      expect(decisions('off', 'servicePolicyDisabled')).toBe(1);
      expect(decisions('refusing', 'permissionDenied')).toBe(2);
      expect(decisions('refusing', 'failedAttemptRateLimited')).toBe(1);
      expect(total('handoff_attempts_total', { service: 'refusing' })).toBe(2);
      expect(total('handoff_attempt_failures_total', { failure: 'permissionDenied' })).toBe(2);
      expect(total('handoff_attempt_failures_total', { failure: 'backendAckTimeout' })).toBe(0);
    });

    it('shows windows, rate-limited backends, latencies and descriptors', () => {
      expect(total('handoff_backends', { state: 'rateLimited' })).toBe(1);
      expect(total('handoff_backend_rate_limited', { service: 'refusing' })).toBe(1);
      expect(total('handoff_backend_rate_limited', { service: 'echo' })).toBe(0);
      expect(total('handoff_window_failures', { service: 'refusing' })).toBe(2);
      expect(total('handoff_window_remaining_seconds', { service: 'refusing' })).toBeGreaterThan(0);
      expect(total('handoff_transfer_duration_seconds_count', { outcome: 'acknowledged' })).toBe(1);
      expect(total('handoff_transfer_duration_seconds_count', { outcome: 'permissionDenied' })).toBe(2);
      expect(total('handoff_route_duration_seconds_count', { route: 'reconnected' })).toBe(5);
      expect(total('handoff_fd_open', {})).toBeGreaterThan(10);
      expect(total('handoff_fd_limit', {})).toBeGreaterThan(total('handoff_fd_open', {}));
    });

    it('never makes a label of client data', () => {
      const services = new Set(samples.flatMap(({ labels: { service } }) => service ?? []));
      expect([...services].sort()).toEqual(['echo', 'off', 'refusing']);
      expect(total('handoff_client_errors_total', { code: 'unknownService' })).toBe(1);
    });

    it('is open to the socket\u2019s owner only, and serves nothing else', async () => {
      expect(statSync(metrics).mode & 0o777).toBe(0o600);
      expect((await get(metrics, '/')).status).toBe(404);
    });

    it('serves what docs/observability.md lists, under these labels', () => {
      const text = readFileSync(join(DOCS, 'observability.md'), 'utf8');
      const listed = [...text.matchAll(/^\| `(handoff_\w+)` \| (\w+) \| (.*?) ?\| (.*) \|$/gm)].map(
        ({ 1: name = '', 2: type = '', 3: labels = '', 4: what = '' }) => [
          type === 'histogram' ? `${name}_count` : name,
          [...labels.matchAll(/`(\w+)`/g)]
            .map(([, label = '']) => label)
            .concat(what.endsWith('without `broker`') ? [] : ['broker'])
            .sort(),
        ],
      );
      const served = [...new Set(samples.map(({ name }) => name))]
        .filter((name) => !/_(bucket|sum)$/.test(name))
        .map((name) => [name, labelsOf(samples, name).sort()]);
      expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(served));
    });

    it('has every metric and label that the Grafana dashboard uses', () => {
      const dashboard = readFileSync(join(DOCS, 'grafana', 'handoff.json'), 'utf8');
      const queries = [...dashboard.matchAll(/^\s*"expr": (".*"),?$/gm)].map(([, text = '']): string =>
        JSON.parse(text),
      );
      expect(queries.length).toBeGreaterThan(20);
      const used = new Set<string>();
      for (const query of queries) {
        const metricsUsed = metricsOf(query);
        expect(metricsUsed.size).toBeGreaterThan(0);
        for (const [name, labels] of metricsUsed) {
          used.add(name.replace(/_(bucket|count|sum)$/, ''));
          // Prometheus adds the first two itself.
          const known = ['job', 'instance', ...labelsOf(samples, name)];
          expect({ query, name, exists: samples.some((each) => each.name === name) }).toEqual({
            query,
            name,
            exists: true,
          });
          expect({ query, unknown: [...labels].filter((label) => !known.includes(label)) }).toEqual({
            query,
            unknown: [],
          });
        }
      }
      // And the other way round: nothing is measured that nobody sees.
      const served = new Set(samples.map(({ name }) => name.replace(/_(bucket|count|sum)$/, '')));
      expect([...used].sort()).toEqual([...served].sort());
      for (const [, name = ''] of dashboard.matchAll(/label_values\((\w+)/g)) expect(served).toContain(name);
    });

    it('logs failures and suspensions, with the client\u2019s trace', () => {
      expect(logged('handoff failed')).toMatchObject([
        { level: 'warn', backend: 'refusing@1.0.0', failure: 'permissionDenied', traceparent: TRACEPARENT },
      ]);
      expect(logged('handoff is suspended: the backend kept failing')).toMatchObject([
        { level: 'warn', backend: 'refusing@1.0.0' },
      ]);
      expect(command.log.filter(({ level }) => level === 'debug')).toEqual([]);
    });
  });

  it('serves metrics on a port of 127.0.0.1, but not to pages of other sites', async () => {
    await start({ metrics: { port: 0 } });
    const address = String(logged('serving metrics')[0]?.address);
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect((await scrape(address)).length).toBeGreaterThan(20);
    expect((await get(address, '/metrics', { Host: 'evil.example' })).status).toBe(403);
    expect((await get(address, '/metrics', { Origin: 'http://evil.example' })).status).toBe(403);
    await stop();
  });

  it('logs every client with its reason at level debug, and sums up by reason at the end', async () => {
    await start({}, '--log-level', 'debug');
    await ask('off');
    await ask('off');
    await stop();
    expect(logged('reconnects')).toHaveLength(2);
    expect(logged('reconnects')[0]).toMatchObject({
      level: 'debug',
      backend: 'off@1.0.0',
      reason: 'servicePolicyDisabled',
      traceparent: TRACEPARENT,
    });
    expect(logged('clients reconnected')).toMatchObject([
      { level: 'info', reason: 'servicePolicyDisabled', count: 2 },
    ]);
  });

  describe('asked by status and why', () => {
    const runIn = async (env: NodeJS.ProcessEnv, ...args: string[]) => {
      const asking = new Command(args, temporary, env);
      const status = await asking.ended();
      return { status, stdout: asking.stdout, stderr: asking.stderr };
    };
    const run = (...args: string[]) => runIn({}, ...args);
    const at = ['--socket', socketPath];

    beforeAll(async () => {
      await start();
      for (const service of ['echo', 'refusing', 'refusing', 'refusing', 'off']) await ask(service);
      // The acknowledgement comes behind the client's reply.
      await eventually('nothing to be in flight', async () => {
        const { stdout } = await run('status', ...at, '--json');
        const backends: { inFlight: number }[] = JSON.parse(stdout).backends;
        return backends.every(({ inFlight }) => inFlight === 0);
      });
    });
    afterAll(stop);

    it('prints a table', async () => {
      const { status, stdout } = await run('status', '--config', config);
      expect(status).toBe(0);
      expect(stdout).toContain(`process ${command.child.pid}`);
      expect(stdout).toMatch(
        /^refusing@1\.0\.0 +rateLimited +2 +2\/2 +[\d.]+ s +0 +2 permissionDenied, 1 failedA/m,
      );
      expect(stdout).toMatch(/^echo@1\.0\.0 +idle +0 +0\/2 +- +0 +-$/m);
      expect(stdout).toMatch(/^off@1\.0\.0 .* 1 servicePolicyDisabled$/m);
    });

    it('--json prints an object', async () => {
      const { stdout } = await run('status', ...at, '--json');
      const { broker, backends } = JSON.parse(stdout);
      expect(broker).toMatchObject({ instance: 'shared', policy: { maxFailedAttemptsPerWindow: 2 } });
      expect(backends).toHaveLength(4);
      expect(backends[2]).toMatchObject({
        service: 'refusing',
        version: '1.0.0',
        state: 'rateLimited',
        process: 'ready',
        next: { answer: 'failedAttemptRateLimited' },
      });
    });

    it.each([
      [{}, false],
      [{ CI: 'true' }, false],
      [{ FORCE_COLOR: '1' }, true],
      [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true],
      [{ FORCE_COLOR: '0' }, false],
    ])('is coloured only on a terminal, unless requested: %p', async (env, coloured) => {
      for (const args of [
        ['status', ...at],
        ['why', 'echo', ...at],
        ['why', 'nobody', ...at],
      ]) {
        const { stdout, stderr } = await runIn(env, ...args);
        expect({ args, coloured: `${stdout}${stderr}`.includes('\u001b[') }).toEqual({ args, coloured });
      }
    });

    it('continues after a reader has closed the pipe, and reports other write errors', async () => {
      const watching = new Command(['status', ...at, '--watch', '10ms'], temporary);
      await watching.printed('rateLimited');
      watching.child.stdout?.destroy();
      expect(await watching.ended()).toBe(0);
      expect(watching.stderr).toBe('');
      if (process.platform !== 'linux') return;
      const full = openSync('/dev/full', 'w');
      try {
        const asking = new Command(['status', ...at], temporary, {}, full);
        expect(await asking.ended()).toBe(1);
        expect(asking.stderr).toMatch(/^error: ENOSPC[^\n]*\n$/);
      } finally {
        closeSync(full);
      }
    });

    it('--watch continues until a signal', async () => {
      const watching = new Command(['status', ...at, '--watch', '10ms', '--json'], temporary);
      await watching.printed('"broker"', 3);
      watching.child.kill('SIGINT');
      expect(await watching.ended()).toBe(0);
      for (const line of watching.stdout.trim().split('\n'))
        expect(JSON.parse(line).backends).toHaveLength(4);
    });

    it.each([
      [
        'echo',
        [/^echo@2\.0\.0: the next request would be handed over\.$/m, /^All checks passed/m, /in idle:/],
      ],
      ['echo@1', [/^echo@1\.0\.0: the next request would be handed over\.$/m]],
      [
        'refusing',
        [
          /would reconnect, for reason failedAttemptRateLimited\.$/m,
          /^Check 5: the window.s budget of failed attempts is used up\.$/m,
          /possible again in [\d.]+ s\.$/m,
          /in rateLimited: The backend kept failing/,
          /2 of 2 failed attempts/,
          /2 permissionDenied, 1 failedAttemptRateLimited/,
        ],
      ],
      [
        'off@1.0.0',
        [/for reason servicePolicyDisabled/, /^Check 2: the service.s policy forbids handoff\.$/m],
      ],
    ])('why %s explains it in words', async (backend, texts) => {
      const { status, stdout } = await run('why', backend, ...at);
      expect(status).toBe(0);
      for (const text of texts) expect(stdout).toMatch(text);
    });

    it('why --json has the same for programs', async () => {
      const { stdout } = await run('why', 'off', '--json', ...at);
      expect(JSON.parse(stdout)).toMatchObject({ service: 'off', next: { answer: 'servicePolicyDisabled' } });
    });

    it.each([
      [1, ['why', 'nobody', ...at], /no backend nobody; it has echo@1\.0\.0, echo@2/],
      [1, ['why', 'echo@9', ...at], /no backend echo@9/],
      [1, ['why', 'echo@?', ...at], /not a semantic version or range/],
      [1, ['status', '--socket', join(temporary, 'none.sock')], /No broker listens at/],
      [1, ['status', '--socket', temporary], /No broker listens at/],
      [2, ['status', '--socket', join(temporary, 'x'.repeat(120))], /at most 10\d bytes/],
      [1, ['status', '--config', join(temporary, 'none.json')], /configuration/],
      [2, ['status', '--socket', ''], /--socket must be a non-empty string/],
      [1, ['why', '', ...at], /no backend ""/],
      [2, ['status'], /--socket or --config/],
      [2, ['status', ...at, '--config', config], /cannot be used with/],
      [2, ['status', ...at, '--watch', 'soon'], /not a duration/],
      [2, ['why', ...at], /missing required argument/],
    ])('ends with status %p after %p', async (expected, args, message) => {
      const { status, stdout, stderr } = await run(...args);
      expect(status).toBe(expected);
      expect(stderr).toMatch(message);
      expect(stdout).toBe('');
    });

    it('answers only its own frames: a backend process returns an error', async () => {
      const { stdout } = await run('status', ...at, '--json');
      const { stderr, status } = await run('status', '--socket', JSON.parse(stdout).backends[0].endpoint);
      expect(status).toBe(1);
      expect(stderr).toContain('badFrame');
    });
  });

  it('status --watch waits for a broker that restarts', async () => {
    await start();
    const at = ['--socket', socketPath];
    const watching = new Command(['status', ...at, '--watch', '10ms', '--json'], temporary);
    started.push(watching);
    await watching.printed('"broker"');
    await stop();
    await watching.printed('No broker listens at');
    const seen = watching.stdout.split('"broker"').length - 1;
    command = new Command(['broker', '--config', config], temporary);
    started.push(command);
    await watching.printed('"broker"', seen + 1);
    watching.child.kill('SIGINT');
    expect(await watching.ended()).toBe(0);
    expect(watching.stderr).toBe('');
    await stop();
  });

  it.each([
    ['status --watch', ['status', '--watch'], 0],
    ['status', ['status'], null],
    ['why', ['why', 'echo'], null],
  ])('%s ends at once on a signal while a broker does not answer', async (_, args, status) => {
    const silent = createServer();
    const path = join(temporary, 'silent.sock');
    silent.listen(path);
    const asking = new Command([...args, '--socket', path], temporary);
    started.push(asking);
    try {
      const [socket] = await once(silent, 'connection');
      asking.child.kill('SIGINT');
      expect(await asking.ended()).toBe(status);
      expect(`${asking.stdout}${asking.stderr}`).toBe('');
      socket.destroy();
    } finally {
      silent.close();
    }
  });

  it('--inspect serves the viewer from the start; SIGUSR2 detaches it and attaches it again', async () => {
    await start({}, '--inspect');
    const first = String(logged('inspection attached')[0]?.url);
    expect((await get(first, '/')).body).toMatch(/<html/);
    await ask('echo');
    const messages = await watch(first, (seen) => seen.some(hasRoutes));
    expect(messages.flatMap(({ type, name }) => (type === '@xstate.actor' ? [name] : []))).toEqual(
      expect.arrayContaining(['echo@2.0.0']),
    );
    command.child.kill('SIGUSR2');
    await command.printed('inspection detached');
    await expect(get(first, '/')).rejects.toThrow('ECONNREFUSED');
    expect(await ask('echo')).toBe('handedOff');
    command.child.kill('SIGUSR2');
    await command.printed('inspection attached', 2);
    // At the same address, so that a page that is open comes back.
    expect(logged('inspection attached')[1]?.url).toBe(first);
    expect((await get(first, '/')).status).toBe(200);
    await stop();
  });

  describe('--inspect=stately', () => {
    // What the launcher of browsers on Linux goes by before it heeds BROWSER.
    const noDesktop = Object.fromEntries(
      ['DISPLAY', 'WAYLAND_DISPLAY', 'XDG_CURRENT_DESKTOP', 'DESKTOP_SESSION'].map((name) => [
        name,
        undefined,
      ]),
    );
    const onLinux = itNeeds('Linux', process.platform === 'linux');

    onLinux('opens the address that it logs in the browser', async () => {
      const opened = join(temporary, 'opened');
      const browser = join(temporary, 'browser');
      writeFileSync(
        browser,
        `#!/bin/sh\nprintf %s "$1" > '${opened}.new' && mv '${opened}.new' '${opened}'\n`,
      );
      chmodSync(browser, 0o700);
      await startIn({ ...noDesktop, BROWSER: browser }, {}, '--inspect=stately');
      await eventually('the browser', () => existsSync(opened));
      expect(readFileSync(opened, 'utf8')).toBe(logged('inspection attached')[0]?.url);
      await stop();
    });

    onLinux('goes on where there is no browser', async () => {
      await startIn({ ...noDesktop, BROWSER: join(temporary, 'nothing') }, {}, '--inspect=stately');
      await command.printed('no browser could be opened: open the address yourself');
      expect((await get(String(logged('inspection attached')[0]?.url), '/stately')).status).toBe(200);
      await stop();
    });
  });

  it('attaches the viewer to a running broker, and frames the hosted one if requested', async () => {
    await start({}, '--inspect=stately');
    expect(logged('inspection attached')[0]?.url).toMatch(/\/stately$/);
    expect((await get(String(logged('inspection attached')[0]?.url), '/stately')).body).toContain(
      'https://stately.ai/inspect',
    );
    await stop();
    // For the tests there is none to open.
    expect(logged('no browser could be opened: open the address yourself')).toEqual([]);
    await start();
    expect(logged('inspection attached')).toEqual([]);
    command.child.kill('SIGUSR2');
    await command.printed('inspection attached');
    await stop();
  });
});
