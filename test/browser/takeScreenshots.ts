import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { HandoffAttemptInputs } from '../../src';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';
import { openBrowser } from './support/openBrowser';
import { BACKENDS, backendNamed, Traffic } from './support/Traffic';

// `npm run docs:screenshots`: the pictures in docs/images/, of the real page following a real controller.

const FOLDER = join(__dirname, '../../docs/images');
const ENABLED = HandoffAttemptInputs.enabled();
/** Long enough that a picture shows traffic over time. */
const TRAFFIC_MS = 14_000;

async function main(): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const browser = await openBrowser();
  try {
    await takeBackends(browser);
    await takeMany(browser);
  } finally {
    await browser.close();
  }
}

async function takeBackends(browser: Browser): Promise<void> {
  const traffic = new Traffic(30_000, BACKENDS, 8);
  const relay = await createInspectionRelay({ controller: traffic.controller });
  const { controller } = traffic;
  const page = await openPage(browser, relay, 1280, 800);
  await take(page, 'viewer-idle');

  controller.markAdopted(backendNamed('billing@1.0.0'));
  controller.shouldAttempt(backendNamed('billing@1.0.0'), ENABLED);
  await run(traffic, relay);
  traffic.exhaust(backendNamed('files@2.1.0'));
  controller.shouldAttempt(backendNamed('search@3.2.0'), ENABLED);
  await choose(page, 'files@2.1.0');
  await take(page, 'viewer-rate-limited');
  await page.emulateMedia({ colorScheme: 'dark' });
  await take(page, 'viewer-dark');
  await page.setViewportSize({ width: 400, height: 860 });
  await take(page, 'viewer-narrow');
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
  await choose(page, 'billing@1.0.0');
  await page.getByRole('button', { name: 'adoptedBackend' }).focus();
  await take(page, 'viewer-adopted');
  await page.context().close();
  await relay.close();
  controller.dispose();
}

async function takeMany(browser: Browser): Promise<void> {
  const many = Array.from({ length: 1_000 }, (_, index) => ({
    instance: 'shared',
    serviceName: ['auth', 'files', 'mail', 'search', 'billing'][index % 5] ?? '',
    serviceVersion: `1.${Math.floor(index / 50)}.${Math.floor(index / 5) % 10}`,
  }));
  const traffic = new Traffic(30_000, many, 8);
  const relay = await createInspectionRelay({ controller: traffic.controller });
  const page = await openPage(browser, relay, 1280, 800);
  many.forEach((backend, index) => {
    if (index % 97 === 3) traffic.exhaust(backend);
    else if (index % 31 === 7) traffic.controller.markAdopted(backend);
    else if (index % 23 === 5) traffic.controller.shouldAttempt(backend, ENABLED);
    else if (index % 7 === 1) for (let n = 0; n < index % 6; n++) traffic.fail(backend);
    else traffic.succeed(backend);
  });
  await page.getByLabel('Sort by').selectOption('Soonest retry');
  await page.locator('.actors .row', { hasText: 'rateLimited' }).first().click();
  await take(page, 'viewer-many');
  await page.context().close();
  await relay.close();
  traffic.controller.dispose();
}

async function openPage(
  browser: Browser,
  relay: InspectionRelay,
  width: number,
  height: number,
): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: 1.5,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(relay.url);
  await page.locator('[data-state]').first().waitFor();
  return page;
}

async function choose(page: Page, name: string): Promise<void> {
  await page.locator('.actors .row', { hasText: name }).click();
  await page.getByRole('heading', { name, exact: true }).waitFor();
}

async function take(page: Page, name: string): Promise<void> {
  // Two frames after the last change, everything is drawn.
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(FOLDER, `${name}.png`) });
}

/** What a host's clients might do for a while, and what a broker would report of it. */
function run(traffic: Traffic, relay: InspectionRelay): Promise<void> {
  const { controller } = traffic;
  let ticks = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      ticks++;
      const wave = Math.sin(ticks / 9);
      for (const name of ['auth@1.4.2', 'files@2.0.4', 'thumbnails@0.9.1']) {
        if (ticks % 3 === name.length % 3 || wave > 0.4) traffic.succeed(backendNamed(name));
      }
      if (ticks % 7 === 0) {
        controller.shouldAttempt(backendNamed('mail-gateway@5.0.0-beta.3'), {
          ...ENABLED,
          clientSupportsHandoff: false,
        });
      }
      if (ticks % 11 === 0) controller.shouldAttempt(backendNamed('billing@1.0.0'), ENABLED);
      if (ticks % 16 === 0) traffic.fail(backendNamed('files@2.1.0'));
      if (ticks % 10 === 0) {
        const reconnected = 3 + (ticks % 4);
        relay.reportRoutes({
          at: Date.now(),
          intervalMs: 1_000,
          // About what a broker measures: handing over takes a third longer.
          handedOff: { count: Math.round(30 + 12 * wave), latencyMs: { p50: 0.49 + 0.03 * wave, p99: 2.4 } },
          reconnected: { count: reconnected, latencyMs: { p50: 0.34 + 0.01 * reconnected, p99: 1.9 } },
        });
      }
      if (ticks * 100 < TRAFFIC_MS) return;
      clearInterval(timer);
      resolve();
    }, 100);
  });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
