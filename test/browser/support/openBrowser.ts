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
  return driver.launch({ executablePath: chromium(), args: ARGUMENTS });
}
