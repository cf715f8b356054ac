import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const CACHE = resolve(__dirname, '../../../node_modules/.cache/handoff-controller-chromium');

/**
 * Path of the browser that came with the packages. It unpacks itself where the temporary directory is, and takes what is
 * there for whole; so it's unpacked apart, and brought to its place when it is.
 */
export function chromium(): string {
  const main = require.resolve('@sparticuz/chromium');
  const { version } = JSON.parse(readFileSync(join(dirname(main), '../../package.json'), 'utf8'));
  const folder = join(CACHE, version);
  if (!existsSync(folder)) unpack(folder);
  return join(folder, 'chromium');
}

function unpack(folder: string): void {
  const unfinished = `${folder}.${randomBytes(4).toString('hex')}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    const script = "require('@sparticuz/chromium').executablePath()";
    const env = { ...process.env, TMPDIR: unfinished };
    execFileSync(process.execPath, ['-e', script], { cwd: __dirname, env });
    renameSync(unfinished, folder);
  } catch (error) {
    // Another suite was faster.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
