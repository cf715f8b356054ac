import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { Command, DEMO_BACKEND } from '../e2e/support/Command';
import { dial } from '../e2e/support/echo';
import { eventually } from '../support/eventually';
import { openBrowser } from './support/openBrowser';

describe('the viewer of a command', () => {
  let browser: Browser;
  let page: Page;
  let faults: string[];
  let temporary = '';
  const running: Command[] = [];

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    temporary = mkdtempSync(join(tmpdir(), 'hc-viewer-'));
    page = await browser.newPage({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
    page.setDefaultTimeout(60_000);
    faults = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
    });
  });
  afterEach(async () => {
    await page.close();
    for (const command of running.splice(0)) await end(command);
    rmSync(temporary, { recursive: true, force: true });
  });

  const run = (...args: string[]): Command => {
    const command = new Command(args, temporary);
    running.push(command);
    return command;
  };
  const end = (command: Command): Promise<number | null> => {
    command.child.kill('SIGINT');
    return command.ended();
  };
  const row = (name: string) =>
    page.locator('.actors .row').filter({ has: page.getByTitle(name, { exact: true }) });
  const active = (id: string): Promise<void> =>
    page.locator(`[data-state="backendHandoff.${id}"][data-active="true"]`).waitFor();

  test('the demo prints the address of a page that shows each backend', async () => {
    const command = run('demo', '--duration', '1h', '--policy', '2/3s');
    await command.printed('Watch the charts live');
    const [address = ''] = /http:\S+/.exec(command.stdout) ?? [];
    await page.goto(address);
    for (const name of ['echo@1.4.2', 'echo@2.0.0', 'refusing@1.0.0', 'policy-off@1.0.0']) {
      await row(name).waitFor();
    }
    // This one never acknowledges, so that each attempt can be seen for a while.
    await row('silent@1.0.0').click();
    await page.getByRole('heading', { name: 'silent@1.0.0', exact: true }).waitFor();
    await active('handoff.attempting');
    await active('handoff.rateLimited');
    const countdown = row('silent@1.0.0').locator('.countdown');
    const seen = await countdown.textContent();
    await countdown.filter({ hasNotText: String(seen) }).waitFor();
    for (const [search, moves] of [
      ['"attempt"', 'idle → attempting'],
      ['attempt.failed', 'attempting → rateLimited'],
      ['xstate.after', 'rateLimited → idle'],
    ] as const) {
      await page.getByLabel('Search events').fill(search);
      await page.locator('.steps').getByText(moves).first().waitFor();
    }
    // The broker's other charts, by their names.
    for (const [name, box] of [
      [/^echo@1\.4\.2 pid \d+$/, 'backendLifecycle.process.alive'],
      [/^fd pressure$/, 'fdPressure.normal'],
      [/^transfer [0-9a-f]{32}$/, 'handoffTransfer.attempt'],
    ] as const) {
      const isTransfer = box.startsWith('handoffTransfer');
      await page.getByLabel('Search actors').fill(isTransfer ? 'transfer' : '');
      const rows = page.locator('.actors .row').filter({ has: page.getByTitle(name) });
      // A transfer may have ended by the time that it is chosen, or be forgotten: then the next one is taken.
      const shown = page.locator(
        `[data-state${isTransfer ? '^="handoffTransfer."' : `="${box}"`}][data-active="true"]`,
      );
      await eventually(`${box} to be shown`, async () => {
        await rows.first().click();
        return shown
          .first()
          .waitFor({ timeout: 2_000 })
          .then(
            () => true,
            () => false,
          );
      });
    }
    // Among hundreds of ended transfers its row may be out of sight.
    await page.getByLabel('Search actors').fill('echo@1.4.2 pid');
    // By its status, whatever the state of its first region.
    await page
      .locator('.actors .row', { hasText: 'echo@1.4.2 pid' })
      .getByText('ready', { exact: true })
      .waitFor();
    for (const reason of ['attempt', 'clientUnsupported', 'servicePolicyDisabled', 'permissionDenied']) {
      await page.getByRole('row', { name: new RegExp(`^${reason}\\b`) }).waitFor();
    }
    // Both routes' latencies, as the clients measured them.
    const latencies = page.locator('.routes').getByText(/^[\d.]+ (µs|ms)$/);
    await latencies.nth(1).waitFor();
    expect(await end(command)).toBe(0);
    await page.getByText('Reconnecting…').waitFor();
    // Only what the end of the demo brings about.
    expect(faults.filter((fault) => !/ERR_CONNECTION_REFUSED/.test(fault))).toEqual([]);
  });

  test('reconnects with the same backend selected when the broker restarts', async () => {
    const config = join(temporary, 'broker.json');
    const socketPath = join(temporary, 'b.sock');
    const services = [
      { name: 'echo', version: '1.0.0', module: DEMO_BACKEND },
      { name: 'refusing', version: '1.0.0', module: DEMO_BACKEND, args: ['refusing'] },
    ];
    const policy = { maxFailedAttemptsPerWindow: 1, failedAttemptWindowMs: 3_600_000 };
    const deadlines = { ackDeadlineMs: 60_000, startTimeoutMs: 60_000 };
    writeFileSync(config, JSON.stringify({ socketPath, services, policy, ...deadlines }));
    const start = async (port: number): Promise<{ command: Command; url: string }> => {
      const command = run('broker', '--config', config, '--inspect', '--inspect-port', String(port));
      await command.printed('"listening"');
      return { command, url: String(command.log.find(({ url }) => url !== undefined)?.url) };
    };
    const ask = async (service: string): Promise<void> => {
      const { socket } = await dial({ socketPath }, { service });
      socket.destroy();
    };
    const first = await start(0);
    await page.goto(first.url);
    await row('refusing@1.0.0').click();
    await ask('refusing');
    await active('handoff.rateLimited');
    expect(faults).toEqual([]);

    expect(await end(first.command)).toBe(0);
    await page.getByText('Reconnecting…').waitFor();
    await start(Number(new URL(first.url).port));
    await page.getByText('Connected', { exact: true }).waitFor();
    await page.getByRole('heading', { name: 'refusing@1.0.0', exact: true }).waitFor();
    await active('handoff.idle');
    await ask('refusing');
    await active('handoff.rateLimited');
  });
});
