import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { compiled } from '../../support/compiled';
import { eventually } from '../../support/eventually';
import { plainEnvironment } from '../../support/plainEnvironment';

const MAIN = compiled('src/cli/main.ts');

/** A backend module that sends every byte back; with the argument `refusing` it refuses each handoff. */
export const DEMO_BACKEND = join(MAIN, '..', 'demo', 'demoBackend.js');

/** A line of the log that it writes to standard error; `url` and `address` are where something is served. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly url?: string;
  readonly address?: string;
}

/** The commands that still run, so that a test that fails leaves none behind, which would keep Jest from ending. */
const running = new Set<Command>();

/** Ends those without a word. */
export async function endCommands(): Promise<void> {
  const left = [...running];
  for (const { child } of left) child.kill('SIGKILL');
  await Promise.all(left.map((command) => command.ended()));
}

afterAll(endCommands);

/** A run of the command as it was built. */
export class Command {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #closed: Promise<unknown>;
  #isOver = false;

  /** @param stdout and `stderr`: a descriptor, instead of a pipe that is read. */
  constructor(
    args: readonly string[],
    temporary: string,
    env: NodeJS.ProcessEnv = {},
    stdout: number | 'pipe' = 'pipe',
    stderr: number | 'pipe' = 'pipe',
  ) {
    this.child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ['ignore', stdout, stderr],
      // A test opens no browser unless it says so.
      env: { ...plainEnvironment(), BROWSER: 'none', ...env, TMPDIR: temporary },
    });
    running.add(this);
    this.#closed = once(this.child, 'close').finally(() => {
      this.#isOver = true;
      running.delete(this);
    });
    this.child.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
  }

  /** Resolves when the output holds the text, `times` times. */
  async printed(text: string, times = 1): Promise<void> {
    const hasPrinted = (): boolean => `${this.stdout}${this.stderr}`.split(text).length > times;
    await eventually(`the command to print ${text}`, () => hasPrinted() || this.#isOver);
    if (hasPrinted()) return;
    throw new Error(`The command ended before it printed ${text}:\n${this.stdout}${this.stderr}`);
  }

  /** The lines of its log, which is JSON where standard error is no terminal. */
  get log(): LogLine[] {
    return this.stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine);
  }

  async ended(): Promise<number | null> {
    await this.#closed;
    return this.child.exitCode;
  }
}
