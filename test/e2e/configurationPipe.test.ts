import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { compiled } from '../support/compiled';
import { itNeeds } from '../support/itNeeds';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { DEMO_BACKEND } from './support/Command';

const run = promisify(execFile);

// Not every system has the shell that can do it; there it counts as not run.
const itWithBash = itNeeds('bash', existsSync('/bin/bash'));

describe('a configuration', () => {
  const brokers = brokersOfEachTest();

  itWithBash('may be what a shell makes of <(…)', async () => {
    const file = brokers.path('broker.json');
    const services = [{ name: 'echo', version: '1.0.0', module: DEMO_BACKEND }];
    writeFileSync(file, JSON.stringify({ socketPath: brokers.path('broker.sock'), services }));
    const script = '"$0" "$1" broker --check --json --config <(sleep 0.1; cat "$2")';
    const args = ['-c', script, process.execPath, compiled('src/cli/main.ts'), file];
    const { stdout } = await run('/bin/bash', args, { cwd: brokers.directory });
    expect(JSON.parse(stdout)).toMatchObject({ valid: true });
  });
});
