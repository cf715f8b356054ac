import { parseArgs } from 'node:util';
import { runFuzz } from './runFuzz';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string', default: '100000' },
    first: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
});

function count(name: string, text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new Error(`--${name} must be an integer from 0, but is ${text}`);
  }
  return value;
}

async function main(): Promise<void> {
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : count('seed', values.seed);
  const runs = count('runs', values.runs);
  const summary = await runFuzz({
    seed,
    runs,
    first: count('first', values.first),
    onProgress: (done) => {
      if (done % 50_000 === 0) process.stderr.write(`seed ${seed}: ${done} of ${runs}\n`);
    },
  });
  if (values.json) {
    process.stdout.write(`${JSON.stringify(summary)}\n`);
  } else {
    const { targets, durationMs, findings } = summary;
    process.stdout.write(
      `seed ${seed}: ${summary.runs} runs in ${durationMs} ms: ${JSON.stringify(targets)}\n`,
    );
    for (const { run, target, error } of findings) {
      process.stdout.write(`${target}, run ${run} (--seed ${seed} --first ${run} --runs 1): ${error}\n`);
    }
    process.stdout.write(`${findings.length} findings\n`);
  }
  if (summary.findings.length > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
