import type { Browser, BrowserContext, Page } from 'playwright-core';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';
import type { StatelyInspectionMessage } from '../../src/inspect/messages/InspectionMessage';
import { bundle } from './support/bundle';
import { openBrowser } from './support/openBrowser';
import { PageServer } from './support/PageServer';
import { backendNamed, Traffic } from './support/Traffic';

const FAILING = backendNamed('files@2.1.0');

/** An app in a page, whose controller is watched through the client of `@statelyai/inspect`. */
const APP = bundle(`
  import { createBrowserInspector } from '@statelyai/inspect';
  import { HandoffAttemptInputs, HandoffController } from './src/index';
  Object.assign(globalThis, {
    watch(url, iframe) {
      const { inspect } = createBrowserInspector({ url, iframe });
      const controller = new HandoffController({ inspect, policy: { maxFailedAttemptsPerWindow: 1 } });
      const backend = { instance: 'page', serviceName: 'in-a-page', serviceVersion: '1.0.0' };
      Object.assign(globalThis, {
        fail() {
          controller.shouldAttempt(backend, HandoffAttemptInputs.enabled());
          controller.recordFailedAttempt(backend, 'permissionDenied');
        },
      });
      controller.actorOf(backend);
    },
  });
`);

/** What receives on Stately's page: the receiver of `@statelyai/inspect`. */
const HOSTED = bundle(`
  import { createBrowserReceiver } from '@statelyai/inspect';
  const received = [];
  createBrowserReceiver().subscribe((event) => received.push(event));
  Object.assign(globalThis, { received });
`);

describe('with @statelyai/inspect in a browser', () => {
  let browser: Browser;
  let context: BrowserContext;
  let traffic: Traffic;
  let relay: InspectionRelay;
  let site: PageServer;
  let faults: string[];

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    traffic = new Traffic(600_000);
    faults = [];
    context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
    context.on('weberror', (error) => faults.push(String(error.error())));
    context.setDefaultTimeout(60_000);
  });
  afterEach(async () => {
    await context.close();
    await relay.close();
    await site.close();
    traffic.controller.dispose();
  });

  const backend = (page: Page | ReturnType<Page['frameLocator']>, name: string) =>
    page.getByRole('option').filter({ hasText: name });

  test('the observer of createBrowserInspector is a controller\u2019s, and opens the viewer beside the relay\u2019s own backends', async () => {
    relay = await createInspectionRelay({ controller: traffic.controller });
    site = await PageServer.serve(APP);
    const page = await context.newPage();
    await page.goto(site.url);
    const [viewer] = await Promise.all([
      context.waitForEvent('page'),
      page.evaluate(`watch('${relay.url}', null)`),
    ]);
    await backend(viewer, 'in-a-page@1.0.0').getByText('idle').waitFor();
    traffic.exhaust(FAILING);
    await page.evaluate('fail()');
    // Each process counts its actors from the same number on.
    await backend(viewer, 'in-a-page@1.0.0').getByText('rateLimited').waitFor();
    await backend(viewer, 'files@2.1.0').getByText('rateLimited').waitFor();
    expect(await viewer.locator('.actors .row', { hasText: 'rateLimited' }).count()).toBe(2);
    expect(await viewer.locator('.actors .row').count()).toBe(8);

    // What the page told stays when the relay is started anew.
    const port = Number(new URL(relay.url).port);
    await relay.close();
    await viewer.getByText('Reconnecting…').waitFor();
    relay = await createInspectionRelay({ port });
    await viewer.getByText('Connected').waitFor();
    await backend(viewer, 'files@2.1.0').waitFor({ state: 'detached' });
    await backend(viewer, 'in-a-page@1.0.0').getByText('rateLimited').waitFor();
    expect(faults).toEqual([]);
  });

  test('createBrowserInspector frames the viewer', async () => {
    relay = await createInspectionRelay();
    site = await PageServer.serve(APP);
    const page = await context.newPage();
    await page.goto(site.url);
    await page.evaluate(`
      const frame = document.body.appendChild(document.createElement('iframe'));
      frame.style.cssText = 'width: 1200px; height: 700px';
      watch('${relay.url}', frame);
    `);
    await page.evaluate('fail()');
    await backend(page.frameLocator('iframe'), 'in-a-page@1.0.0').getByText('rateLimited').waitFor();
    expect(faults).toEqual([]);
  });

  test('the bridge sends a stand-in for the hosted page, of another origin, messages that its receiver understands', async () => {
    traffic.exhaust(FAILING);
    site = await PageServer.serve(HOSTED);
    relay = await createInspectionRelay({ controller: traffic.controller, stately: site.url });
    const page = await context.newPage();
    const requested: string[] = [];
    page.on('request', (request) => requested.push(request.url()));
    await page.goto(String(relay.statelyInspectorUrl));
    const hosted = page.frames().find((frame) => frame.url() === site.url);
    if (hosted === undefined) throw new Error('The page is not framed');
    const received = async (until: string): Promise<StatelyInspectionMessage[]> => {
      await hosted.waitForFunction(`received.some((message) => ${until})`);
      return hosted.evaluate('received');
    };
    const told = await received(
      `message.type === '@xstate.snapshot' && message.snapshot.value.handoff === 'rateLimited'`,
    );
    const actor = told.find((message) => message.type === '@xstate.actor' && message.name === 'files@2.1.0');
    expect(actor).toMatchObject({
      _version: '0.7.2',
      definition: expect.stringContaining('"id":"backendHandoff"'),
      snapshot: { status: 'active', value: { handoff: 'rateLimited', window: 'open' } },
    });
    traffic.controller.markAdopted(FAILING);
    const later = await received(
      `message.type === '@xstate.event' && message.event.type === 'backend.adopted'`,
    );
    expect(later.at(-2)?.sessionId).toBe(actor?.sessionId);
    expect(later.filter(({ type }) => !/^@xstate\.(actor|event|snapshot)$/.test(type))).toEqual([]);

    // A page that is loaded anew is told of the present state.
    await hosted.evaluate('location.reload()');
    await received(`message.type === '@xstate.actor' && message.snapshot.value.handoff === 'adopted'`);
    expect(requested.filter((url) => !url.startsWith(relay.url) && !url.startsWith(site.url))).toEqual([]);
    expect(faults).toEqual([]);
  });
});
