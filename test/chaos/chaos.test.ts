import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { compiled } from '../support/compiled';
import { report } from '../support/report';
import type { ChaosResult } from './runChaos';

const DURATION = '8s';

// Each has found a fault once: a client that took a connection closed at its accept for one that may have run, an error told before
// anybody could listen, and a backend taken for gone because one probe's connection broke.
const SEEDS = [1, 2, 3, 4];

describe('random faults', () => {
  it.each(SEEDS)('costs nobody anything that could be kept, with seed %d', async (seed) => {
    const main = compiled('test/chaos/main.ts');
    const child = spawn(process.execPath, [main, '--seed', String(seed), '--duration', DURATION, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
    const result = JSON.parse(output) as ChaosResult;
    const { faults, problems, ...counts } = result;
    const total = Object.values(faults).reduce((sum, count) => sum + count, 0);
    report(`chaos: ${total} faults, ${JSON.stringify(counts)}`);
    expect(problems).toEqual([]);
    expect(counts).toMatchObject({
      seed,
      clientErrors: 0,
      bytesLost: 0,
      bytesDuplicated: 0,
      repliesDuplicated: 0,
      leakedFds: 0,
      leftoverProcesses: 0,
      wrongCharts: 0,
    });
    expect(counts.connections).toBeGreaterThan(0);
    expect(child.exitCode).toBe(0);
  });
});
