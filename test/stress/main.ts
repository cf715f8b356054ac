import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Argument, Command, InvalidArgumentError } from 'commander';

const ROOT = resolve(__dirname, '../..');
/** Suites that start processes, or open sockets. */
const SUITES = ['broker', 'lifecycleProcess', 'transferProcess']
  .map((suite) => `test/model/${suite}Paths`)
  .concat(['e2e', 'inspect', 'browser', 'chaos', 'fuzz'].map((folder) => `test/${folder}/`));

/** The part of Jest's result that is of interest here. */
interface JestResult {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** What one run of the suites came to. */
interface Round {
  readonly passed: number;
  readonly failed: readonly string[];
}

function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError(`"${text}" is not an integer from 0.`);
  }
  return value;
}

async function run(suites: readonly string[], delayMs: number): Promise<Round> {
  const directory = mkdtempSync(join(tmpdir(), 'hc-stress-'));
  try {
    const outputFile = join(directory, 'result.json');
    const args = [require.resolve('jest/bin/jest'), '--json', `--outputFile=${outputFile}`, ...suites];
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      // What fails is in the file; what Jest prints would hide it.
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...(delayMs > 0 ? { HANDOFF_TEST_ANSWER_DELAY_MS: String(delayMs) } : {}) },
    });
    running = child;
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const [code, signal] = await once(child, 'close');
    return readRound(outputFile, signal ?? code, stderr);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readRound(file: string, code: unknown, stderr: string): Round {
  let result: JestResult;
  try {
    result = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: [`Jest ended with ${code} and without a result:\n${stderr}`] };
  }
  const failed = result.testResults
    .filter(({ status }) => status === 'failed')
    .map(({ name, message, assertionResults }) => {
      const tests = assertionResults.filter(({ status }) => status === 'failed');
      return [name.slice(ROOT.length + 1), ...tests.map(({ fullName }) => `  ${fullName}`), message].join(
        '\n',
      );
    });
  // A run can also fail as a whole, for instance because something is left of it.
  if (code !== 0 && failed.length === 0) failed.push(`Jest ended with ${code}:\n${stderr}`);
  return { passed: result.numPassedTests, failed };
}

let running: ReturnType<typeof spawn> | undefined;

async function stress(
  suites: readonly string[],
  options: { times: number; loops: number; delay: number; json: boolean },
): Promise<void> {
  // Threads, which end with this process whatever becomes of it.
  const loops = Array.from({ length: options.loops }, () => new Worker('for (;;);', { eval: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      running?.kill(signal);
      process.exit(1);
    });
  }
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const failures: string[] = [];
  let passed = 0;
  try {
    for (let round = 1; round <= options.times; round += 1) {
      for (const delayMs of options.delay > 0 ? [0, options.delay] : [0]) {
        const began = performance.now();
        const name = `round ${round} of ${options.times}${delayMs > 0 ? `, answers ${delayMs} ms late` : ''}`;
        const { passed: more, failed } = await run(suites, delayMs);
        passed += more;
        const seconds = Math.round((performance.now() - began) / 1000);
        say(`${name}: ${more} passed, ${failed.length} suites failed, ${seconds} s`);
        for (const each of failed) {
          failures.push(`${name}: ${each}`);
          say(each);
        }
      }
    }
  } finally {
    await Promise.all(loops.map((loop) => loop.terminate()));
  }
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ rounds: options.times, passed, failures })}\n`);
  } else {
    process.stdout.write(
      `${failures.length === 0 ? 'nothing failed' : `${failures.length} suites failed`}\n`,
    );
  }
  // Also where nothing has run: that shows nothing.
  process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0;
}

new Command('npm run test:stress --')
  .description(
    'Runs the suites that start processes again and again beside busy loops, and says what failed. Each round is run twice: once as it is, once with all that backends say told to the broker late.',
  )
  .addArgument(new Argument('[suites...]', 'paths of suites, or parts of them').default(SUITES))
  .option('-t, --times <n>', 'rounds', count, 5)
  .option('-l, --loops <n>', 'busy loops', count, 2)
  .option('-d, --delay <ms>', 'how late answers are told; 0 leaves these runs out', count, 25)
  .option('--json', 'print one JSON object and nothing else on standard output', false)
  .action(stress)
  .parseAsync();
