#!/usr/bin/env node
import './broker/brokerSignals';

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { fieldOf, messageOf } from '../errors/showValue';
import { requireSocketPath } from '../net/requireSocketPath';
import { LOG_LEVELS } from './broker/logLevels';
import { colorsFor } from './colorsFor';
import { parseCount, parseDuration, parsePolicy, parsePort } from './optionParsers';
import { shutdownSignal } from './shutdownSignal';

// Each command loads its own code: loading all of it takes longer than most commands do.

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const MAX_CLIENTS = 256;
const MAX_CAUSES = 8;

function packageVersion(): string {
  const file = join(__dirname, '..', '..', '..', 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

const program = new Command('handoff-controller')
  .description(
    'Hands clients\u2019 open connections to backend processes; suspends handoff to backends that keep failing.',
  )
  .version(packageVersion())
  .exitOverride()
  .showHelpAfterError('(see --help)');

program
  .command('demo')
  .description(
    'Runs a real broker with working and failing backends and clients, and shows the routes they take.',
  )
  .addOption(
    new Option('-d, --duration <time>', 'how long clients run')
      .argParser(parseDuration)
      .default(10_000, '10s'),
  )
  .addOption(
    new Option('-c, --clients <n>', `clients at a time, up to ${MAX_CLIENTS}`)
      .argParser(parseCount(MAX_CLIENTS))
      .default(8),
  )
  .addOption(
    new Option('-p, --policy <n/time>', 'failed attempts per window')
      .argParser(parsePolicy)
      .default(parsePolicy('8/30s'), '8/30s'),
  )
  .option('--json', 'print only one JSON object', false)
  .option('--no-inspect', 'don\u2019t serve the viewer of the charts')
  .addOption(
    new Option('--inspect-port <port>', 'port of the viewer on 127.0.0.1')
      .argParser(parsePort)
      .default(0, 'any free one'),
  )
  .action(async ({ duration: durationMs, clients, policy, json, inspect, inspectPort }) => {
    const signal = shutdownSignal();
    const viewerPort: number | undefined = inspect ? inspectPort : undefined;
    const { printSummary, runDemo } = await import('./demo/runDemo.js');
    const summary = await runDemo({ durationMs, clients, policy, json, viewerPort, signal });
    printSummary(summary, json);
    if (summary.clientErrors > 0 || summary.bytesLost > 0) process.exitCode = EXIT_FAILED;
  });

program
  .command('broker')
  .description('Runs a broker until SIGINT or SIGTERM.')
  .requiredOption('--config <file>', 'JSON file with socketPath, services and more (docs/operations.md)')
  .option('--check', 'check the configuration and exit', false)
  .option('--json', 'log one JSON object per line, even on a terminal', false)
  .addOption(new Option('--log-level <level>', 'debug logs every client').choices(LOG_LEVELS).default('info'))
  .addOption(
    new Option('--inspect [viewer]', 'show the charts live in a browser; SIGUSR2 turns it on and off')
      .choices(['own', 'stately'])
      .preset('own'),
  )
  .addOption(
    new Option('--inspect-port <port>', 'port of the viewer on 127.0.0.1')
      .argParser(parsePort)
      .default(0, 'any free one'),
  )
  .action(async ({ check, ...options }) => {
    if (check) {
      const { checkConfig } = await import('./broker/checkConfig.js');
      await checkConfig(options.config, options.json);
      return;
    }
    const signal = shutdownSignal();
    const { runBroker } = await import('./broker/runBroker.js');
    await runBroker({ ...options, signal });
  });

interface AddressOptions {
  readonly socket?: string | undefined;
  readonly config?: string | undefined;
}

/** The socket path of the broker that the options name. */
async function socketPathOf(command: Command, { socket, config }: AddressOptions): Promise<string> {
  if (socket !== undefined) {
    try {
      // The system would truncate a path that is too long, which may then be another socket.
      return requireSocketPath('--socket', socket);
    } catch (error) {
      return command.error(`error: ${messageOf(error)}`);
    }
  }
  if (config !== undefined) {
    const { readBrokerConfig } = await import('./broker/brokerConfig.js');
    return (await readBrokerConfig(config)).options.socketPath;
  }
  return command.error('error: --socket or --config is required');
}

function withAddress(command: Command): Command {
  return command
    .addOption(new Option('--socket <path>', 'socket of the broker').conflicts('config'))
    .option('--config <file>', 'configuration of the broker, with its socketPath');
}

withAddress(program.command('status'))
  .description('Shows a running broker\u2019s backends and the routes of its clients.')
  .option('--json', 'print one JSON object per line', false)
  .addOption(
    new Option('-w, --watch [interval]', 'refresh at this interval').argParser(parseDuration).preset('1s'),
  )
  .action(async (options, command: Command) => {
    const socketPath = await socketPathOf(command, options);
    const { json, watch: watchMs } = options;
    // Without --watch there is nothing to clean up: signals keep their default effect.
    const signal = watchMs === undefined ? undefined : shutdownSignal();
    const { runStatus } = await import('./status/runStatus.js');
    await runStatus({ socketPath, json, watchMs, signal });
  });

withAddress(program.command('why'))
  .argument('<backend>', 'service, or service@version')
  .description('Explains why the next request would or wouldn\u2019t be handed over.')
  .option('--json', 'print a JSON object', false)
  .action(async (backend: string, options, command: Command) => {
    const socketPath = await socketPathOf(command, options);
    const { runWhy } = await import('./status/runWhy.js');
    await runWhy({ socketPath, backend, json: options.json });
  });

/** The messages of an error and its causes, without repetitions. */
function messagesOf(error: unknown): readonly string[] {
  const messages: string[] = [];
  let current = error;
  while (current !== undefined && messages.length < MAX_CAUSES) {
    const message = messageOf(current);
    if (!messages.some((said) => said.includes(message))) messages.push(message);
    current = fieldOf(current, 'cause');
  }
  return messages;
}

function printError(error: unknown): void {
  const [message, ...causes] = messagesOf(error);
  const lines = [`${colorsFor(process.stderr).red('error:')} ${message}`];
  for (const cause of causes) lines.push(`  cause: ${cause}`);
  process.stderr.write(`${lines.join('\n')}\n`);
}

async function main(): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader such as `head` may close early; keep running so that the command can clean up.
    if (error.code === 'EPIPE') return;
    printError(error);
    process.exit(EXIT_FAILED);
  });
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has already printed the message.
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
      return;
    }
    printError(error);
    process.exitCode = EXIT_FAILED;
  }
}

void main();
