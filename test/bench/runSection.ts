import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { BenchOptions, Section, SectionResult } from './Section';

const FILE = join(__dirname, 'sectionProcess.ts');
const NODE_OPTIONS = ['--expose-gc', '--max-old-space-size=4096', '-r', 'ts-node/register/transpile-only'];

/**
 * Runs a section in a process of its own.
 * @throws Error it ended without a result; what it said of it is on stderr
 */
export function runSection({ name }: Section, options: BenchOptions): Promise<SectionResult> {
  return new Promise((resolve, reject) => {
    const child = fork(FILE, [name, JSON.stringify(options)], {
      execArgv: NODE_OPTIONS,
      // Standard output is for the result of the whole.
      stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
    });
    child.once('message', (result) => resolve(result as SectionResult));
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`section ${name} ended with ${signal ?? code}`)));
  });
}
