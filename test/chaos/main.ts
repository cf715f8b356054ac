import { Command, Option } from 'commander';
import { parseDuration } from '../../src/cli/optionParsers';
import { hasFailed } from './ChaosCounts';
import { runChaos } from './runChaos';

const MAX_SEED = 2 ** 31;

new Command('npm run chaos --')
  .description('Breaks everything at random while clients are at work, and counts what they lose.')
  .option('-s, --seed <n>', 'what to do wrong, and when', Number, Math.floor(Math.random() * MAX_SEED))
  .addOption(new Option('-d, --duration <time>', 'how long').argParser(parseDuration).default(60_000, '60s'))
  .option('--json', 'print one JSON object and nothing else', false)
  .action(async ({ seed, duration, json }) => {
    if (!json) process.stdout.write(`seed ${seed}\n`);
    const { faults, problems, ...counts } = await runChaos(seed, duration);
    if (json) {
      process.stdout.write(`${JSON.stringify({ ...counts, faults, problems })}\n`);
    } else {
      for (const [fault, count] of Object.entries(faults))
        process.stdout.write(`${String(count).padStart(6)} ${fault}\n`);
      for (const problem of problems) process.stdout.write(`! ${problem}\n`);
      for (const [name, value] of Object.entries(counts)) process.stdout.write(`${name}: ${value}\n`);
    }
    process.exitCode = hasFailed(counts) ? 1 : 0;
  })
  .parseAsync();
