import { Command, Option } from 'commander';
import { parseCount } from '../../../src/cli/optionParsers';
import { MISTAKES, type Mistake } from './mistakes';
import { exploreProtocol } from './protocol';
import { sequenceDiagram } from './sequenceDiagram';

// `npm run explore`: the protocol as a whole, within larger bounds than its test has.

interface Options {
  readonly clients: number;
  readonly rounds: number;
  readonly faults: number;
  readonly onlyAttempts: boolean;
  readonly mistake?: Mistake;
}

const options = new Command('explore')
  .description('Goes through every interleaving of clients, broker and backends within a bound.')
  .option('--clients <count>', 'clients at once', parseCount(4), 1)
  .option('--rounds <count>', 'rounds that each has time for', parseCount(9), 2)
  .option(
    '--faults <count>',
    'what may go wrong, in all',
    (text) => (text === '0' ? 0 : parseCount(9)(text)),
    2,
  )
  .option('--only-attempts', 'no client knows a backend, and the broker tries each handoff', false)
  .addOption(
    new Option('--mistake <name>', 'make one thing wrong, and show a shortest way to what it breaks').choices(
      Object.keys(MISTAKES),
    ),
  )
  .addHelpText('after', '\nExit codes: 0 nothing is wrong; 1 a violation was found, or an option is wrong.')
  .parse()
  .opts<Options>();

const { worlds, transitions, depth, seconds, violation } = exploreProtocol(options);
process.stdout.write(
  `${worlds} combinations, ${transitions} transitions, depth ${depth}, ${seconds.toFixed(1)} s\n`,
);
if (violation !== undefined) {
  process.stdout.write(`${violation.problem}\n${sequenceDiagram(violation.trace)}\n`);
  process.exitCode = 1;
}
