import { once } from 'node:events';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Locator, Page } from 'playwright-core';
import { WebSocket } from 'ws';
import { createActor, createMachine, type InspectionEvent, type Observer } from 'xstate';
import { HandoffAttemptInputs } from '../../src';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';
import { report } from '../support/report';
import { openBrowser } from './support/openBrowser';
import { BACKENDS, backendNamed, Traffic } from './support/Traffic';

const FAILING = backendNamed('files@2.1.0');
const ENABLED = HandoffAttemptInputs.enabled();

describe('the viewer', () => {
  let browser: Browser;
  let relay: InspectionRelay;
  let traffic: Traffic;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  const open = async (width = 1280, height = 800): Promise<void> => {
    const context = await browser.newContext({ viewport: { width, height }, reducedMotion: 'reduce' });
    page = await context.newPage();
    page.setDefaultTimeout(60_000);
    faults = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
    });
    // Whatever leaves this host.
    page.on('request', (request) => {
      if (new URL(request.url()).hostname !== '127.0.0.1') faults.push(request.url());
    });
    await page.goto(relay.url);
  };
  const start = async (windowMs = 600_000): Promise<void> => {
    traffic = new Traffic(windowMs);
    relay = await createInspectionRelay({ controller: traffic.controller });
  };
  afterEach(async () => {
    await page.context().close();
    await relay.close();
    traffic.controller.dispose();
  });

  const row = (name: string): Locator => page.getByRole('option').filter({ hasText: name });
  const choose = async (name: string): Promise<void> => {
    await row(name).click();
    await page.getByRole('heading', { name, exact: true }).waitFor();
  };
  const state = (id: string): Locator => page.locator(`[data-state="backendHandoff.${id}"]`);
  const active = (id: string): Promise<void> =>
    page.locator(`[data-state="backendHandoff.${id}"][data-active="true"]`).waitFor();

  const connectSender = async (): Promise<WebSocket> => {
    const sender = new WebSocket(relay.url.replace('http', 'ws'));
    await once(sender, 'open');
    return sender;
  };
  const sendActor = (sender: WebSocket, name: string, snapshot: object, definition?: string): void =>
    sender.send(
      JSON.stringify({
        ...{ type: '@xstate.actor', sessionId: name, name, createdAt: '1', _version: '0.7.2' },
        ...{ snapshot, definition },
      }),
    );

  test('draws a chart on load, without a click, and lists every backend', async () => {
    await start();
    await open();
    for (const name of ['idle', 'attempting', 'rateLimited', 'adopted', 'closed', 'open', 'elapsed']) {
      await page.locator('.box').getByText(name, { exact: true }).waitFor();
    }
    await active('handoff.idle');
    for (const { serviceName, serviceVersion } of BACKENDS) {
      await row(`${serviceName}@${serviceVersion}`).waitFor();
    }
    // What a transition is about stands in the page as text, and its description where the focus is.
    await page.getByRole('button', { name: 'fdPressureDisabled' }).focus();
    await page.getByRole('tooltip').getByText('Check 3: the broker is short of file descriptors.').waitFor();
    expect(faults).toEqual([]);
  });

  test('shows a failing backend go from idle by attempting to rateLimited', async () => {
    await start();
    await open();
    await choose('files@2.1.0');
    await active('handoff.idle');
    traffic.controller.shouldAttempt(FAILING, ENABLED);
    await active('handoff.attempting');
    await row('files@2.1.0').getByText('attempting').waitFor();
    traffic.controller.recordFailedAttempt(FAILING, 'permissionDenied');
    traffic.exhaust(FAILING);
    await active('handoff.rateLimited');
    await active('window.open');
    await row('files@2.1.0').getByText('3 of 3 failed').waitFor();
    await page.locator('.chart').getByText('failedAttemptRateLimited').first().waitFor();
    // The check that answered is marked, and says so.
    await page
      .locator('.block-row.answered', { hasText: 'failedAttemptRateLimited' })
      .getByText('answered last')
      .waitFor({ state: 'attached' });
    await page.getByRole('row', { name: /^failedAttemptRateLimited/ }).waitFor();

    const countdown = row('files@2.1.0').locator('.countdown');
    const seen = await countdown.textContent();
    await countdown.filter({ hasNotText: String(seen) }).waitFor();
    expect(faults).toEqual([]);
  });

  test('shows a failing backend go back to idle when its window ends', async () => {
    await start(1_500);
    traffic.exhaust(FAILING);
    await open();
    await choose('files@2.1.0');
    await active('handoff.idle');
    await active('window.elapsed');
    await row('files@2.1.0').locator('.countdown').waitFor({ state: 'detached' });
    expect(faults).toEqual([]);
  });

  test('searches, filters and sorts by keys alone', async () => {
    await start();
    traffic.controller.markAdopted(backendNamed('billing@1.0.0'));
    traffic.fail(backendNamed('search@3.2.0'));
    await open();
    await row('billing@1.0.0').getByText('adopted').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('files');
    await row('auth').waitFor({ state: 'detached' });
    expect(await page.locator('.actors .row').count()).toBe(2);
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Delete');
    await page.getByRole('button', { name: 'adopted 1' }).press('Enter');
    await row('auth').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'adopted 1' }).press('Enter');
    await row('auth').waitFor();
    await page.getByLabel('Sort by').selectOption('Most failures');
    await page
      .locator('.actors .row', { hasText: 'search@3.2.0' })
      .and(page.locator('[aria-posinset="1"]'))
      .waitFor();
    await page.getByRole('listbox', { name: 'Backends' }).press('Home');
    await page.getByRole('heading', { name: 'search@3.2.0' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('heading', { name: 'auth@1.4.2' }).waitFor();
    expect(faults).toEqual([]);
  });

  test('keeps an active filter without matches, so that it can be removed', async () => {
    await start();
    await open();
    traffic.exhaust(FAILING);
    const chip = page.getByRole('button', { name: /^rateLimited \d/ });
    await chip.click();
    await row('auth@1.4.2').waitFor({ state: 'detached' });
    traffic.controller.recordSuccess(FAILING);
    await page.getByText('Nothing matches.').waitFor();
    await chip.click();
    await row('auth@1.4.2').waitFor();
    expect(faults).toEqual([]);
  });

  test('keeps the filters for backends in place, whatever states are present', async () => {
    await start();
    await open();
    await row('auth@1.4.2').waitFor();
    const filters = page.getByRole('group', { name: 'Filter by state' }).getByRole('button');
    const texts = () => filters.allTextContents();
    expect(await texts()).toEqual(['rateLimited 0', 'attempting 0', 'idle 7', 'adopted 0']);
    traffic.exhaust(FAILING);
    await filters.filter({ hasText: 'rateLimited 1' }).waitFor();
    expect(await texts()).toEqual(['rateLimited 1', 'attempting 0', 'idle 6', 'adopted 0']);
    expect(faults).toEqual([]);
  });

  test('pauses, steps back through what was received, and goes live again', async () => {
    await start();
    await open();
    await choose('files@2.1.0');
    traffic.controller.shouldAttempt(FAILING, ENABLED);
    await active('handoff.attempting');
    await page.getByRole('button', { name: 'Pause' }).click();
    traffic.exhaust(FAILING);
    await page.getByText(/newer$/).waitFor();
    await active('handoff.attempting');
    // What is looked at stays in view, and known, whatever comes in the meantime.
    for (let n = 0; n < 600; n++) traffic.controller.shouldAttempt(FAILING, ENABLED);
    await page.getByText(/6\d\d newer$/).waitFor();
    await active('handoff.attempting');
    await page.locator('.steps .row[aria-selected="true"]', { hasText: 'attempt' }).waitFor();
    await page.keyboard.press('ArrowLeft');
    await active('handoff.idle');
    await page.keyboard.press('ArrowRight');
    await active('handoff.attempting');
    await page.getByLabel('Search events').fill('rateLimited');
    await page
      .locator('.steps')
      .getByRole('option')
      .filter({ hasText: 'failedAttemptRateLimited' })
      .first()
      .click();
    await active('handoff.rateLimited');
    await page.getByRole('button', { name: 'Go live' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    await active('handoff.rateLimited');
    expect(faults).toEqual([]);
  });

  test('shows routes as soon as they are reported', async () => {
    await start();
    await open();
    await active('handoff.idle');
    expect(await page.getByRole('heading', { name: 'Routes' }).count()).toBe(0);
    relay.reportRoutes({
      at: Date.now(),
      intervalMs: 1_000,
      handedOff: { count: 41, latencyMs: { p50: 0.36, p99: 2 } },
      reconnected: { count: 7, latencyMs: { p50: 0.61, p99: 3 } },
    });
    await page.locator('.routes').getByText('41', { exact: true }).waitFor();
    await page.locator('.routes').getByText('360 µs').waitFor();
    expect(faults).toEqual([]);
  });

  test.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 400],
    ['dark', 400],
  ] as const)('has no fault that axe finds, %s at %d pixels', async (theme, width) => {
    await start();
    traffic.exhaust(FAILING);
    traffic.controller.markAdopted(backendNamed('billing@1.0.0'));
    traffic.controller.shouldAttempt(backendNamed('search@3.2.0'), ENABLED);
    await open(width);
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    relay.reportRoutes({ at: 1, intervalMs: 1_000, handedOff: { count: 1 }, reconnected: { count: 0 } });
    await page.locator('.routes').waitFor();
    await choose('files@2.1.0');
    await active('handoff.rateLimited');
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    // Nothing sticks out of the page.
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    expect(faults).toEqual([]);
  });

  test('keeps the text of the chart readable in little space', async () => {
    await start();
    await open(400);
    await active('handoff.idle');
    const letters = await page.evaluate(`(() => {
      const row = document.querySelector('.block-row');
      const scale = row.getBoundingClientRect().height / row.offsetHeight;
      return scale * parseFloat(getComputedStyle(row).fontSize);
    })()`);
    expect(letters).toBeGreaterThanOrEqual(10);
    expect(faults).toEqual([]);
  });

  test.each(['light', 'dark'] as const)(
    'has no fault that axe finds while it waits, or is paused, %s',
    async (theme) => {
      await start();
      const empty = await createInspectionRelay();
      try {
        await open();
        await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
        const faultsNow = async () => {
          const { violations } = await new AxeBuilder({ page }).analyze();
          return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
        };
        await choose('files@2.1.0');
        await page.getByRole('button', { name: 'Pause' }).click();
        traffic.exhaust(FAILING);
        await page.getByText(/newer$/).waitFor();
        await page.getByRole('button', { name: 'clientUnsupported' }).focus();
        await page.getByRole('tooltip').waitFor();
        expect(await faultsNow()).toEqual([]);
        await page.goto(empty.url);
        await page.getByText('Waiting for an actor.').waitFor();
        expect(await faultsNow()).toEqual([]);
        expect(faults).toEqual([]);
      } finally {
        await empty.close();
      }
    },
  );

  test('reconnects with the same backend selected when the relay restarts', async () => {
    await start();
    await open();
    await choose('search@3.2.0');
    const port = Number(new URL(relay.url).port);
    await relay.close();
    await page.getByText('Reconnecting…').waitFor();
    // What was last heard must not be taken for what is.
    await page.getByText(/as of \d\d:\d\d:\d\d$/).waitFor();
    await page.locator('main.stale').waitFor();
    traffic.controller.dispose();
    traffic = new Traffic(600_000);
    traffic.exhaust(backendNamed('search@3.2.0'));
    relay = await createInspectionRelay({ controller: traffic.controller, port });
    await page.getByText('Connected').waitFor();
    await active('handoff.rateLimited');
    await page.getByRole('heading', { name: 'search@3.2.0' }).waitFor();
    expect(await page.locator('main.stale').count()).toBe(0);
    // A refused connection is the one thing that a browser itself puts on the console.
    expect(faults.filter((text) => !text.includes('WebSocket connection to'))).toEqual([]);
  });

  test('draws any machine, of any app that a client of @statelyai/inspect sends', async () => {
    await start();
    const machine = createMachine({
      id: 'order',
      initial: 'cart',
      states: {
        cart: { on: { ADD: { actions: 'addItem' }, PAY: { target: 'paying', guard: 'hasItems' } } },
        paying: {
          type: 'parallel',
          states: {
            card: { initial: 'asking', states: { asking: { after: { 600000: 'late' } }, late: {} } },
            stock: { initial: 'held', states: { held: { on: { SOLD: '#order.cart' } } } },
          },
          onDone: 'paid',
        },
        paid: { type: 'final' },
      },
    }).provide({ guards: { hasItems: () => true }, actions: { addItem: () => {} } });
    const actor = createActor(machine).start();
    relay.attach({
      inspect: (observer: Observer<InspectionEvent>) => {
        observer.next?.({ type: '@xstate.actor', actorRef: actor, rootId: actor.sessionId });
        return actor.system.inspect(observer);
      },
    });
    await open();
    await choose('order');
    const box = (id: string) => page.locator(`[data-state="order.${id}"][data-active="true"]`).waitFor();
    await box('cart');
    actor.send({ type: 'PAY' });
    await box('paying.card.asking');
    await box('paying.stock.held');
    await page.locator('.edge-label.after', { hasText: '600 s' }).waitFor();
    await page.locator('.edge-label', { hasText: 'PAY' }).getByText('[hasItems]').waitFor();
    actor.stop();
    expect(faults).toEqual([]);
  });

  test('shows a message when there is nothing to draw', async () => {
    await start();
    await open();
    const sender = await connectSender();
    // What the client of `@statelyai/inspect` makes of a promise's logic.
    sendActor(sender, 'loader', { status: 'active' }, '{"type":"load"}');
    await choose('loader');
    await page.getByText('This actor has no chart.').waitFor();
    sender.close();
    expect(faults).toEqual([]);
  });

  test('has room for actors in any number of states', async () => {
    await start();
    await open(1280, 800);
    const sender = await connectSender();
    for (let n = 0; n < 80; n++) sendActor(sender, `job-${n}`, { status: 'active', value: `step-${n}` });
    await page.getByRole('button', { name: /^step-79/ }).waitFor();
    await choose('job-10');
    sender.close();
    expect(faults).toEqual([]);
  });

  test('can be framed as an inspector, and receives messages from the framing page', async () => {
    await start();
    const framed = await createInspectionRelay();
    const bridge = await createInspectionRelay({ controller: traffic.controller, stately: framed.url });
    try {
      await open();
      await page.goto(String(bridge.statelyInspectorUrl));
      const frame = page.frameLocator('iframe');
      await frame.getByRole('option').filter({ hasText: 'files@2.1.0' }).click();
      traffic.exhaust(FAILING);
      await frame.locator('[data-state="backendHandoff.handoff.rateLimited"][data-active="true"]').waitFor();
      expect(faults).toEqual([]);
    } finally {
      await bridge.close();
      await framed.close();
    }
  });

  test('a page of another site cannot watch', async () => {
    await start();
    await open();
    const elsewhere = await page.context().newPage();
    await elsewhere.goto('about:blank');
    const outcome = await elsewhere.evaluate(`new Promise((resolve) => {
      const socket = new WebSocket('${relay.url.replace('http', 'ws')}');
      socket.onopen = () => resolve('open');
      socket.onerror = () => resolve('refused');
    })`);
    expect(outcome).toBe('refused');
  });

  test('stays usable with 1,000 backends at 500 events a second', async () => {
    traffic = new Traffic(
      600_000,
      Array.from({ length: 1_000 }, (_, index) => ({
        instance: 'shared',
        serviceName: `service-${String(index).padStart(4, '0')}`,
        serviceVersion: '1.0.0',
      })),
    );
    relay = await createInspectionRelay({ controller: traffic.controller });
    await open();
    await row('service-0000').waitFor();
    const backends = [...traffic.controller.backends()];
    let sent = 0;
    const timer = setInterval(() => {
      // Two events each: a request, and how it ended.
      for (let n = 0; n < 5; n++) {
        const backend = backends[sent++ % backends.length];
        if (typeof backend !== 'object') continue;
        if (sent % 3 === 0) traffic.fail(backend);
        else traffic.succeed(backend);
      }
    }, 20);
    try {
      const frames = await page.evaluate<number>(`new Promise((resolve) => {
        let frames = 0;
        const start = performance.now();
        const count = (at) => {
          frames++;
          if (at - start < 3000) requestAnimationFrame(count);
          else resolve(frames / ((at - start) / 1000));
        };
        requestAnimationFrame(count);
      })`);
      report(`viewer: ${frames.toFixed(0)} frames/s with 1,000 backends at 500 events/s`);
      // Far down the list, and what is chosen there, is shown at once.
      await page.getByLabel('Search backends').fill('service-0777');
      await row('service-0777').click();
      await page.getByRole('heading', { name: 'service-0777@1.0.0' }).waitFor();
      await state('handoff.idle').waitFor();
    } finally {
      clearInterval(timer);
    }
    expect(faults).toEqual([]);
  });
});
