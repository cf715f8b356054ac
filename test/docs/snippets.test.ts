import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import ts from 'typescript';
import { scripts } from '../../package.json';
import { signal } from '../e2e/support/TestBrokers';
import { plainEnvironment } from '../support/plainEnvironment';

const ROOT = join(__dirname, '..', '..');
const MAIN = join(ROOT, 'dist', 'src', 'cli', 'main.js');

interface Snippet {
  readonly where: string;
  readonly language: string;
  readonly code: string;
}

function snippetsOf(file: string): Snippet[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ({ 1: language = '', 2: code = '', index }) => ({
      where: `${file}:${text.slice(0, index).split('\n').length}`,
      language,
      code,
    }),
  );
}

const docs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
const snippets = ['README.md', ...docs.map((name) => join('docs', name))].flatMap(snippetsOf);
const inLanguage = (wanted: string): [string, string][] =>
  snippets.filter(({ language }) => language === wanted).map(({ where, code }) => [where, code]);

describe('every snippet of README and docs', () => {
  // The package finds itself by its own name only from inside.
  let inside = '';

  beforeAll(() => {
    inside = mkdtempSync(join(ROOT, 'test', 'docs', '.snippets-'));
  });
  afterAll(() => rmSync(inside, { recursive: true, force: true }));

  it('is in a checked language, or a diagram', () => {
    const languages = new Set(snippets.map(({ language }) => language));
    expect([...languages].sort()).toEqual(['json', 'mermaid', 'sh', 'text', 'ts']);
  });

  describe('in TypeScript', () => {
    const fileOf = (where: string): string => join(inside, `${where.replace(/\W/g, '_')}.mts`);
    let program: ts.Program;

    beforeAll(() => {
      const files = inLanguage('ts').map(([where, code]) => {
        writeFileSync(fileOf(where), code);
        return fileOf(where);
      });
      program = ts.createProgram(files, {
        module: ts.ModuleKind.Node16,
        moduleResolution: ts.ModuleResolutionKind.Node16,
        moduleDetection: ts.ModuleDetectionKind.Force,
        target: ts.ScriptTarget.ES2022,
        types: ['node'],
        strict: true,
        noEmit: true,
        skipLibCheck: true,
      });
    });

    it.each(inLanguage('ts'))('%s has the right types', (where) => {
      const messages = ts
        .getPreEmitDiagnostics(program, program.getSourceFile(fileOf(where)))
        .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
      expect(messages).toEqual([]);
    });
  });

  it.each(
    inLanguage('ts').filter(
      ([, code]) => !/handoff-controller\/(broker|client|backend|inspect)|@statelyai/.test(code),
    ),
  )('%s prints what its comments say', (_, code) => {
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', outputText],
      { cwd: ROOT, encoding: 'utf8', timeout: 30_000, env: plainEnvironment() },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const said = [...code.matchAll(/console\.log\(.*\); \/\/ (\w+)/g)].map(([, value]) => value);
    expect(
      stdout
        .split('\n')
        .filter((line) => line !== '')
        .slice(0, said.length),
    ).toEqual(said);
  });

  describe('for the shell', () => {
    let directory = '';
    const files = inLanguage('json');

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'hc-docs-'));
      for (const [, code] of files) {
        writeFileSync(join(directory, 'broker.json'), code);
        for (const { module } of JSON.parse(code).services) {
          mkdirSync(directory, { recursive: true });
          writeFileSync(
            join(directory, basename(module)),
            `require(${JSON.stringify(ROOT)} + '/dist/src/backend').serveBackend({ onConnection: (socket) => socket.pipe(socket) });`,
          );
        }
      }
    });

    afterAll(() => {
      for (const manifest of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
        if (basename(manifest) !== 'manifest.json') continue;
        // The configuration leaves the backends to the next broker, which there is none of.
        const { backends } = JSON.parse(readFileSync(join(directory, manifest), 'utf8'));
        for (const { pid } of backends) signal(pid, 'SIGKILL');
      }
      rmSync(directory, { recursive: true, force: true });
    });

    const lines = inLanguage('sh').flatMap(([where, code]) =>
      code
        .trim()
        .split(/\n|&&/)
        .map((line): [string, string] => [where, line.trim()]),
    );

    it.each(lines)('%s: %s', async (_, line) => {
      const [command, ...args] = line.split(' ');
      if (command === 'npm') {
        // The commands that this test is part of.
        expect(args[0] === 'ci' || Object.keys(scripts).includes(args[0] ?? '')).toBe(true);
        return;
      }
      expect(command).toBe('handoff-controller');
      const child = spawn(process.execPath, [MAIN, ...args], {
        cwd: directory,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      child.stderr.on('data', (chunk) => {
        // A broker runs until it's told to stop.
        if (String(chunk).includes('listening')) child.kill('SIGTERM');
      });
      const [status] = await once(child, 'close');
      expect(status).toBe(0);
    });
  });
});
