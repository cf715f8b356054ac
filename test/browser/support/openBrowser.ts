import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium as driver } from 'playwright-core';
import { compile } from '../../support/compiled';
import { chromium } from './chromium';

/** Nothing but the page itself is on the network; and CI is root, for whom there is no sandbox. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-dev-shm-usage',
  '--disable-gpu',
];

/** The browser that came with the packages, and the page as its sources are now. */
export async function openBrowser(): Promise<Browser> {
  compile();
  // What it leaves there when it is busy and ends is its own affair.
  const temporary = mkdtempSync(join(tmpdir(), 'browser-'));
  const browser = await driver.launch({
    executablePath: chromium(),
    args: ARGUMENTS,
    env: { ...process.env, TMPDIR: temporary },
  });
  browser.on('disconnected', () => rmSync(temporary, { recursive: true, force: true, maxRetries: 10 }));
  return browser;
}
