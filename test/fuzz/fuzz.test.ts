import { report } from '../support/report';
import { runFuzz } from './runFuzz';

const SEED = 20_240_229;
const RUNS = 20_000;

describe('what reads frames and messages', () => {
  it(`stands ${RUNS} mutated ones`, async () => {
    const { targets, findings } = await runFuzz({ seed: SEED, runs: RUNS, first: 0, onProgress: () => {} });
    report(`fuzz: seed ${SEED}, ${RUNS} runs ${JSON.stringify(targets)}, ${findings.length} findings`);
    expect(findings).toEqual([]);
  });
});
