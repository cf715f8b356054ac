import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { compiled } from '../support/compiled';
import { report } from '../support/report';
import type { FuzzSummary } from './runFuzz';

const SEED = 20_240_229;
const RUNS = 20_000;

describe('the parsers of frames and messages', () => {
  it(`withstand ${RUNS} mutated inputs`, async () => {
    // In a process of its own: it is told to leave its broker, which for Jest's would be Jest.
    const args = ['--seed', String(SEED), '--runs', String(RUNS), '--json'];
    const child = spawn(process.execPath, [compiled('test/fuzz/main.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
    const { targets, findings }: FuzzSummary = JSON.parse(output);
    report(`fuzz: seed ${SEED}, ${RUNS} runs ${JSON.stringify(targets)}, ${findings.length} findings`);
    expect(findings).toEqual([]);
    expect(child.exitCode).toBe(0);
  });
});
