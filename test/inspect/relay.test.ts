import { once } from 'node:events';
import { request } from 'node:http';
import { WebSocket } from 'ws';
import type { InspectionEvent, Observer } from 'xstate';
import { HandoffAttemptInputs, HandoffController } from '../../src';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';
import { eventually } from '../support/eventually';
import { Watcher } from './support/Watcher';

const FILES = { instance: 'shared', serviceName: 'files', serviceVersion: '2.1.0' };
const INPUTS = HandoffAttemptInputs.enabled();

describe('the relay', () => {
  const open: (() => Promise<void>)[] = [];
  const start = async (
    options: Parameters<typeof createInspectionRelay>[0] = {},
  ): Promise<InspectionRelay> => {
    const relay = await createInspectionRelay(options);
    open.push(() => relay.close());
    return relay;
  };
  const watch = async (relay: InspectionRelay, query?: string): Promise<Watcher> => {
    const watcher = await Watcher.watch(relay.url, query);
    open.push(() => watcher.close());
    return watcher;
  };
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });

  test('listens on 127.0.0.1 only', async () => {
    const relay = await start();
    expect(relay.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(relay.statelyInspectorUrl).toBeUndefined();
  });

  test('refuses a bad port, and one that is taken', async () => {
    await expect(createInspectionRelay({ port: 70_000 })).rejects.toThrow(RangeError);
    const port = Number(new URL((await start()).url).port);
    await expect(createInspectionRelay({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test.each(['', '?batched'])('sends every running backend to a new viewer first (%p)', async (query) => {
    const controller = new HandoffController();
    const relay = await start({ controller });
    for (let i = 0; i < 300; i++) controller.markAdopted({ ...FILES, serviceVersion: `1.0.${i}` });
    controller.shouldAttempt(FILES, INPUTS);
    controller.recordFailedAttempt(FILES, 'permissionDenied');
    const watcher = await watch(relay, query);
    const actor = await watcher.find('@xstate.actor', ({ name }) => name === 'files@2.1.0');
    expect(actor.snapshot).toMatchObject({
      value: { handoff: 'idle', window: 'open' },
      context: { failedAttempts: 1 },
    });
    const [[delay, dueAt] = []] = Object.entries(actor.delays ?? {});
    expect(delay).toBe('failedAttemptWindow');
    expect(dueAt).toBeGreaterThan(Date.now() + 20_000);
    expect(watcher.all('@xstate.actor')).toHaveLength(301);
    if (query === '') {
      expect(JSON.parse(String(actor.definition))).toMatchObject({ id: 'backendHandoff', type: 'parallel' });
      await watcher.find('@xstate.snapshot', ({ sessionId }) => sessionId === actor.sessionId);
    } else {
      // One chart, however many follow it.
      expect(watcher.all('@handoff.definition')).toHaveLength(1);
      expect(actor.definitionKey).toBe(watcher.all('@handoff.definition')[0]?.key);
    }
  });

  test('sends each event with its transitions and the decision', async () => {
    const controller = new HandoffController({ policy: { maxFailedAttemptsPerWindow: 1 } });
    const relay = await start({ controller });
    const watcher = await watch(relay, '?batched');
    await watcher.find('@handoff.welcome');
    controller.shouldAttempt(FILES, INPUTS);
    controller.recordFailedAttempt(FILES, 'backendAckTimeout');
    controller.shouldAttempt(FILES, INPUTS);
    const limited = await watcher.find('@xstate.snapshot', ({ emitted }) =>
      Boolean(emitted?.some(({ reason }) => reason === 'failedAttemptRateLimited')),
    );
    expect(limited.event).toEqual({ type: 'request', ...INPUTS, windowElapsed: false });
    expect(limited.snapshot).toMatchObject({ value: { handoff: 'rateLimited', window: 'open' } });
    expect(limited.transitions).toContainEqual({
      source: 'backendHandoff.handoff',
      event: 'budget.check',
      index: 0,
      guard: 'failedAttemptRateLimited',
      targets: [],
    });
    await watcher.find('@xstate.event', ({ event }) => event.type === 'attempt.failed');
  });

  test('observes a controller only while there is a viewer', async () => {
    let observers = 0;
    const relay = await start();
    relay.attach({
      inspect: (_: Observer<InspectionEvent>) => {
        observers++;
        return { unsubscribe: () => observers-- };
      },
    });
    expect(observers).toBe(0);
    const first = await Watcher.watch(relay.url, '?batched');
    const second = await Watcher.watch(relay.url, '?batched');
    await second.find('@handoff.welcome');
    expect(observers).toBe(1);
    await first.close();
    expect(observers).toBe(1);
    await second.close();
    await eventually('nobody to be watched for', () => observers === 0);
    await (await watch(relay, '?batched')).find('@handoff.welcome');
    expect(observers).toBe(1);
  });

  test('a controller can be attached and detached at any time', async () => {
    const relay = await start();
    const watcher = await watch(relay, '?batched');
    await watcher.find('@handoff.welcome');
    const controller = new HandoffController();
    controller.markAdopted(FILES);
    const detach = relay.attach(controller);
    const { sessionId } = await watcher.find('@xstate.actor');
    detach();
    const gone = await watcher.find('@handoff.gone');
    expect(gone.sessionIds).toEqual([sessionId]);
    controller.dispose();
    relay.attach(controller);
  });

  test('a disposed controller ends its backends', async () => {
    const controller = new HandoffController();
    const relay = await start({ controller });
    controller.markAdopted(FILES);
    const watcher = await watch(relay, '?batched');
    await watcher.find('@xstate.actor');
    controller.dispose();
    const ended = await watcher.find('@xstate.snapshot', ({ snapshot }) => snapshot.status === 'stopped');
    expect(ended.event.type).toBe('xstate.stop');
  });

  test('reports of routes reach present and later viewers', async () => {
    const relay = await start();
    const report = { at: 1_000, intervalMs: 1_000, handedOff: { count: 3 }, reconnected: { count: 1 } };
    relay.reportRoutes(report);
    const watcher = await watch(relay, '?batched');
    expect(await watcher.find('@handoff.routes')).toEqual({ type: '@handoff.routes', ...report });
    relay.reportRoutes({ ...report, at: 2_000 });
    await watcher.find('@handoff.routes', ({ at }) => at === 2_000);
  });

  describe('who may connect', () => {
    const get = async (url: string, headers: Record<string, string>) => {
      const [response] = await once(request(url, { headers }).end(), 'response');
      response.resume();
      return response;
    };
    const connect = async (url: string, headers: Record<string, string>): Promise<number> => {
      const socket = new WebSocket(url.replace('http', 'ws'), { headers });
      const status = await Promise.race([
        once(socket, 'open').then(() => 101),
        once(socket, 'unexpected-response').then(([, response]) => response.statusCode),
      ]);
      socket.on('error', () => {});
      socket.terminate();
      return status;
    };

    test.each(['evil.example', 'evil.example:80', '127.0.0.1.evil.example', '127.0.0.1@evil.example'])(
      'a name of another site that leads here is refused: %p',
      async (host) => {
        const { url } = await start();
        expect((await get(url, { host })).statusCode).toBe(403);
        expect(await connect(url, { host })).toBe(401);
      },
    );

    test.each(['https://evil.example', 'http://127.0.0.1:1', 'null', 'http://localhost'])(
      'a page of another origin is refused: %p',
      async (origin) => {
        const { url } = await start();
        expect((await get(url, { origin })).statusCode).toBe(403);
        expect(await connect(url, { origin })).toBe(401);
      },
    );

    test('its own page, an allowed origin, and programs are accepted', async () => {
      const { url } = await start({ allowedOrigins: ['http://localhost:5173'] });
      expect(await connect(url, {})).toBe(101);
      expect(await connect(url, { origin: url.slice(0, -1) })).toBe(101);
      expect(await connect(url, { origin: 'http://localhost:5173' })).toBe(101);
      expect(await connect(url, { host: 'localhost:9000', origin: 'http://localhost:9000' })).toBe(101);
    });

    test('serves only the page, with a strict policy', async () => {
      const { url } = await start();
      for (const path of ['../package.json', 'index.html', 'stately', '%2e%2e/package.json']) {
        expect((await get(url + path, {})).statusCode).toBe(404);
      }
      const page = await get(url, {});
      expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';");
      const [posted] = await once(request(url, { method: 'POST' }).end(), 'response');
      posted.resume();
      expect(posted.statusCode).toBe(405);
    });

    test('a page that frames the hosted inspector is served if requested', async () => {
      const relay = await start({ stately: true });
      expect(relay.statelyInspectorUrl).toBe(`${relay.url}stately`);
      const page = await get(String(relay.statelyInspectorUrl), {});
      expect(page.statusCode).toBe(200);
      expect(page.headers['content-security-policy']).toContain('frame-src https://stately.ai');
      await expect(createInspectionRelay({ stately: 'javascript:alert(1)' })).rejects.toThrow(RangeError);
    });
  });

  describe('senders', () => {
    const BASE = { createdAt: '1', id: null, _version: '0.7.2', rootId: 'x:0' };
    const sender = async (relay: InspectionRelay): Promise<WebSocket> => {
      const socket = new WebSocket(relay.url.replace('http', 'ws'));
      await once(socket, 'open');
      open.push(async () => socket.terminate());
      return socket;
    };

    test('messages of another app are passed on, without secrets and with separate ids', async () => {
      const relay = await start();
      const watcher = await watch(relay, '?batched');
      await watcher.find('@handoff.welcome');
      const socket = await sender(relay);
      const definition = JSON.stringify({ id: 'light', context: { apiKey: 'hush' }, states: { token: {} } });
      const snapshot = { status: 'active', value: 'token', context: { password: 'hush', n: 1 } };
      const actor = { ...BASE, type: '@xstate.actor', sessionId: 'x:0', name: 'light', definition, snapshot };
      socket.send(JSON.stringify(actor));
      socket.send(
        JSON.stringify({
          ...BASE,
          type: '@xstate.snapshot',
          sessionId: 'x:0',
          event: { type: 'GO', earlyData: 'hush', by: 2 },
          snapshot,
        }),
      );
      const shown = await watcher.find('@xstate.snapshot');
      expect(shown.event).toEqual({ type: 'GO', earlyData: '[redacted]', by: 2 });
      expect(shown.snapshot).toEqual({ ...snapshot, context: { password: '[redacted]', n: 1 } });
      expect(shown.sessionId).not.toBe('x:0');
      expect(JSON.stringify(watcher.messages)).not.toContain('hush');
      expect(JSON.stringify(watcher.messages)).toContain('token');
      socket.close();
      expect((await watcher.find('@handoff.gone')).sessionIds).toEqual([shown.sessionId]);
    });
  });
});
