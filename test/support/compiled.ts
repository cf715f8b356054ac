import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');
const CACHE = join(ROOT, 'node_modules', '.cache', 'handoff-controller-tests');
const BUILD_VIEWER = 'scripts/buildViewer.cjs';
const VARIABLE = 'HANDOFF_TEST_BUILD';
const DAY_MS = 86_400_000;

/** Path of the JavaScript file that a file of this project was compiled to for processes that tests start. */
export function compiled(...path: readonly string[]): string {
  return join(compile(), 'dist', ...path).replace(/\.ts$/, '.js');
}

/**
 * Compiles the programs that tests start and builds the viewer's page, unless that was done for the present sources. Each state
 * of the sources has its own folder, created atomically and never changed, so that any number of runs can use it. Sets an
 * environment variable for workers and children.
 *
 * @returns the folder; it looks like the installed package, with the tests' files in `dist` too.
 */
export function compile(): string {
  const known = process.env[VARIABLE];
  if (known !== undefined) return known;
  const sources = sourcesIn('machines', 'src', 'test', 'docs/tools');
  const viewer = filesIn('src/inspect/viewer');
  const others = ['package.json', 'package-lock.json', 'tsconfig.json', BUILD_VIEWER];
  const hash = createHash('sha256');
  for (const file of [...sources, ...viewer, ...others]) {
    const bytes = readFileSync(join(ROOT, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  const folder = join(CACHE, hash.digest('hex').slice(0, 16));
  if (!existsSync(folder)) build(folder, sources);
  utimesSync(folder, new Date(), new Date());
  forgetOld();
  installViewer(join(folder, 'dist/viewer'));
  process.env[VARIABLE] = folder;
  return folder;
}

function build(folder: string, sources: readonly string[]): void {
  const unfinished = `${folder}.${randomBytes(4).toString('hex')}`;
  try {
    // Only where something is to be built, for what it costs to load; not in a test, in whose realm it doesn't run.
    const { buildSync }: typeof import('esbuild') = require('esbuild');
    buildSync({
      entryPoints: sources.map((file) => join(ROOT, file)),
      outbase: ROOT,
      outdir: join(unfinished, 'dist'),
      format: 'cjs',
      platform: 'node',
      target: 'node20',
      logLevel: 'error',
    });
    copyFileSync(join(ROOT, 'package.json'), join(unfinished, 'package.json'));
    execFileSync(process.execPath, [join(ROOT, BUILD_VIEWER), join(unfinished, 'dist/viewer')], {
      cwd: ROOT,
      stdio: ['ignore', 2, 2],
    });
    renameSync(unfinished, folder);
  } catch (error) {
    // Another run was faster, with the same result.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** Brings the page to where the sources themselves look for it. Each file is replaced as a whole, and only by another one. */
function installViewer(from: string): void {
  const to = join(ROOT, 'dist/viewer');
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const target = join(to, name);
    if (existsSync(target) && readFileSync(target).equals(readFileSync(join(from, name)))) continue;
    const unfinished = join(dirname(to), `.${name}.${randomBytes(4).toString('hex')}`);
    copyFileSync(join(from, name), unfinished);
    renameSync(unfinished, target);
  }
}

/** Removes what no run has used for a day. */
function forgetOld(): void {
  for (const name of readdirSync(CACHE)) {
    const path = join(CACHE, name);
    const used = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - used > DAY_MS) rmSync(path, { recursive: true, force: true });
  }
}

function sourcesIn(...folders: readonly string[]): string[] {
  return folders
    .flatMap(filesIn)
    .filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('src/inspect/viewer/'),
    );
}

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .sort();
}
