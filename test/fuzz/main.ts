import { Command, InvalidArgumentError } from 'commander';
import { runFuzz } from './runFuzz';

function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError(`"${text}" is not an integer from 0.`);
  }
  return value;
}

const values = new Command('npm run fuzz --')
  .description('Feeds mutated and random frames and messages to everything that reads them.')
  .option('--seed <n>', 'which mutations', count, Date.now() % 2 ** 31)
  .option('--runs <n>', 'how many', count, 100_000)
  .option('--first <n>', 'the run to begin with, to see one again', count, 0)
  .option('--json', 'print one JSON object and nothing else', false)
  .parse()
  .opts<{ seed: number; runs: number; first: number; json: boolean }>();

async function main(): Promise<void> {
  const { seed, runs, first } = values;
  const summary = await runFuzz({
    seed,
    runs,
    first,
    onProgress: (done) => {
      if (done > 0 && done % 50_000 === 0) process.stderr.write(`seed ${seed}: ${done} of ${runs}\n`);
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
