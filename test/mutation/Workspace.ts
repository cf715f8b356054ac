import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { transformSync } from 'esbuild';
import ts from 'typescript';
import { AREAS, isOneOf, PROCESS_IMPORT, SLOW_SUITES, SUITES } from './scope';

export const ROOT = resolve(__dirname, '../..');
const COMPILED = ['machines', 'src', 'test'];
const NOT_COMPILED = ['src/inspect/viewer', 'test/fixtures', 'test/browser', 'test/bench', 'test/chaos'];
/** What tests read beside code. */
const LINKED = ['node_modules', 'package.json', 'docs', 'test/fixtures'];

const sources = new Map<string, string>();

/** A source file's text, as it was when it was first read: somebody may work on it while the mutants are tested. */
export function readSource(file: string): string {
  const text = sources.get(file) ?? readFileSync(join(ROOT, file), 'utf8');
  sources.set(file, text);
  return text;
}

/** The program of one file, without its types. */
export function compile(text: string, sourcefile: string): string {
  const loader = sourcefile.endsWith('.tsx') ? 'tsx' : 'ts';
  const { code } = transformSync(text, { sourcefile, loader, format: 'cjs', target: 'node20' });
  return code.includes('jest.mock(') ? withMocksFirst(code) : code;
}

/** As Jest has it: what a suite replaces, it replaces before it imports anything. */
function withMocksFirst(code: string): string {
  const source = ts.createSourceFile('suite.js', code, ts.ScriptTarget.ES2022);
  const texts = source.statements.map((statement) => statement.getFullText(source));
  const isMock = (text: string): boolean => text.trimStart().startsWith('jest.mock(');
  return [...texts.filter(isMock), ...texts.filter((text) => !isMock(text))].join('');
}

/** The project's own copy of itself, compiled, in a folder for this run. */
export class Workspace {
  readonly path = mkdtempSync(join(tmpdir(), 'handoff-mutation-'));
  /** The files that are mutated, by area. */
  readonly mutated: ReadonlyMap<string, readonly string[]>;
  readonly suites: readonly string[];

  constructor() {
    const files = COMPILED.flatMap((folder) => listFiles(folder));
    this.mutated = new Map(
      Object.entries(AREAS).map(([area, patterns]) => [
        area,
        files.filter((file) => file.endsWith('.ts') && isOneOf(file, patterns)),
      ]),
    );
    this.suites = files.filter(
      (file) =>
        isOneOf(file, SUITES) && !isOneOf(file, SLOW_SUITES) && !readSource(file).includes(PROCESS_IMPORT),
    );
    for (const file of files) {
      if (!/\.tsx?$/.test(file) || isBelow(file, NOT_COMPILED)) continue;
      this.write(file, compile(readSource(file), file));
    }
    for (const path of LINKED) symlinkSync(join(ROOT, path), join(this.path, path));
  }

  /** Where a source file's program stands. */
  programOf(file: string): string {
    return join(this.path, file.replace(/\.tsx?$/, '.js'));
  }

  write(file: string, program: string): void {
    const path = this.programOf(file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, program);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function isBelow(file: string, folders: readonly string[]): boolean {
  return folders.some((folder) => file.startsWith(`${folder}/`));
}

function listFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}
