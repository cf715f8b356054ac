import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from './compiled';

// Before all suites: what they start is compiled once, and all that they leave is in one place.
export = (): void => {
  compile();
  Object.assign(process.env, { HANDOFF_TEST_RUN: mkdtempSync(join(tmpdir(), 'hc-')) });
};
