import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from './compiled';

// Before all suites: what they start is compiled once, and all that they leave is in one place.
export = (): void => {
  compile();
  const directory = mkdtempSync(join(tmpdir(), 'hc-'));
  // As the system's own is.
  chmodSync(directory, 0o1777);
  Object.assign(process.env, { HANDOFF_TEST_RUN: directory });
};
