import { readFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';
import { compileFunction, constants } from 'node:vm';
import { ModernFakeTimers } from '@jest/fake-timers';
import { expect } from 'expect';
import fc from 'fast-check';
import * as circus from 'jest-circus';
import { ModuleMocker } from 'jest-mock';
import { MAX_PROPERTY_RUNS } from './scope';

/** Suites to run, in this order, until a test fails. */
export interface TestRequest {
  /** Where the compiled project stands. */
  readonly workspace: string;
  /** Paths in there. */
  readonly suites: readonly string[];
  /** Programs that stand in for those of the workspace, by their paths. */
  readonly replaced?: Readonly<Record<string, string>>;
  /** Tests to leave out, by regular expressions. */
  readonly slowTests: readonly string[];
}

export interface SuiteResult {
  readonly suite: string;
  /** Milliseconds of processor time. */
  readonly durationMs: number;
  /** Numbers of the marks that the suite came by, see `mark`. */
  readonly marks: readonly number[];
}

/** A suite begins. */
export interface TestProgress {
  readonly begins: string;
}

export interface TestAnswer {
  /** The suites that were run to their ends. */
  readonly suites: readonly SuiteResult[];
  /** The test that failed, and why; undefined if none did. */
  readonly failed?: { readonly suite: string; readonly test: string; readonly reason: string } | undefined;
  /** Something may still happen here of what was begun: the process must not be used any more. */
  readonly isSpent: boolean;
}

/** Longest time that one test may take to end; none of the fast ones comes near it. */
const TEST_TIMEOUT_MS = 20_000;
const MAX_REASON_CHARACTERS = 1_000;

const mocker = new ModuleMocker(globalThis);
const marks = new Set<number>();
const mocks = new Map<string, () => unknown>();
let replaced: Readonly<Record<string, string>> = {};
let workspace = '';

// Timers that a mutant leaves must not fire while the next one is tested.
const pending = new Set<NodeJS.Timeout>();
function remembering<Set extends object>(set: Set): Set {
  return new Proxy(set, {
    apply: (target, self, args) => {
      const timer: NodeJS.Timeout = Reflect.apply(target as () => NodeJS.Timeout, self, args);
      pending.add(timer);
      return timer;
    },
  });
}
globalThis.setTimeout = remembering(globalThis.setTimeout);
globalThis.setInterval = remembering(globalThis.setInterval);
const timers = new ModernFakeTimers({
  global: globalThis,
  config: { fakeTimers: {} } as ConstructorParameters<typeof ModernFakeTimers>[0]['config'],
});

/** fast-check, whose properties are tried with no more cases than it takes to see a mutant; the smallest case is of no use. */
const fewerCases: object = Object.create(fc, {
  assert: {
    value: (
      property: fc.IAsyncProperty<void>,
      { numRuns = MAX_PROPERTY_RUNS, ...rest }: fc.Parameters<void> = {},
    ) => fc.assert(property, { ...rest, numRuns: Math.min(numRuns, MAX_PROPERTY_RUNS), endOnFailure: true }),
  },
});

/** What a program of the workspace requires by. */
function requireOf(path: string): NodeJS.Require {
  const real = createRequire(path);
  return Object.assign(
    (id: string) => (id === 'fast-check' ? { __esModule: true, default: fewerCases } : real(id)),
    real,
  );
}

/** What tests use of Jest's object. */
const jest = {
  /** For the suite that calls it, before what it imports. */
  mock: (path: string, factory: () => unknown) =>
    mocks.set(createRequire(suitePath()).resolve(path), factory),
  fn: mocker.fn.bind(mocker),
  spyOn: mocker.spyOn.bind(mocker),
  restoreAllMocks: mocker.restoreAllMocks.bind(mocker),
  useFakeTimers: timers.useFakeTimers.bind(timers),
  useRealTimers: timers.useRealTimers.bind(timers),
  advanceTimersByTime: timers.advanceTimersByTime.bind(timers),
  advanceTimersByTimeAsync: timers.advanceTimersByTimeAsync.bind(timers),
  runAllTimers: timers.runAllTimers.bind(timers),
  runOnlyPendingTimers: timers.runOnlyPendingTimers.bind(timers),
  clearAllTimers: timers.clearAllTimers.bind(timers),
  getTimerCount: timers.getTimerCount.bind(timers),
  setSystemTime: timers.setSystemTime.bind(timers),
};

type Extensions = Record<string, (module: NodeJS.Module, path: string) => void>;
type Body = (
  this: unknown,
  exports: unknown,
  require: NodeJS.Require,
  module: NodeJS.Module,
  path: string,
  folder: string,
) => void;

// Every suite loads the project anew: what is compiled once is half of the time.
const bodies = new Map<string, Body>();

function bodyOf(path: string): Body {
  const program = replaced[path];
  const body = program === undefined ? bodies.get(path) : undefined;
  if (body !== undefined) return body;
  const text = program ?? readFileSync(path, 'utf8');
  const compiled: Body = compileFunction(text, ['exports', 'require', 'module', '__filename', '__dirname'], {
    filename: path,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }) as Body;
  if (program === undefined) bodies.set(path, compiled);
  return compiled;
}

const extensions = (Module as unknown as { _extensions: Extensions })._extensions;
const load = extensions['.js'];
extensions['.js'] = (module, path) => {
  const mock = mocks.get(path);
  if (mock !== undefined) module.exports = mock();
  else if (!path.startsWith(workspace) || path.includes('node_modules')) load?.(module, path);
  else bodyOf(path).call(module.exports, module.exports, requireOf(path), module, path, dirname(path));
};

let failed: TestAnswer['failed'];
let suite = '';
let slowTests: RegExp[] = [];

function fail(test: string, error: unknown): void {
  if (failed !== undefined) return;
  const reason = error instanceof Error ? error.message : String(Array.isArray(error) ? error[0] : error);
  failed = { suite, test, reason: reason.slice(0, MAX_REASON_CHARACTERS) };
}

circus.addEventHandler((event) => {
  if (event.name === 'test_start') {
    // One failure is enough to know.
    if (failed !== undefined || slowTests.some((pattern) => pattern.test(event.test.name)))
      event.test.mode = 'skip';
  } else if (event.name === 'test_done' && event.test.errors.length > 0) {
    fail(event.test.name, event.test.errors[0]);
  } else if (event.name === 'hook_failure') {
    fail(event.hook.type, event.error);
  }
});
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => fail(event, error));
}

function suitePath(): string {
  return join(workspace, suite.replace(/\.ts$/, '.js'));
}

async function runSuite(): Promise<void> {
  mocks.clear();
  for (const path of Object.keys(require.cache)) {
    if (path.startsWith(workspace) && !path.includes('node_modules')) delete require.cache[path];
  }
  circus.resetState();
  circus.getState().testTimeout = TEST_TIMEOUT_MS;
  try {
    require(suitePath());
    await circus.run();
  } catch (error) {
    fail('the suite', error);
  } finally {
    timers.useRealTimers();
    mocker.restoreAllMocks();
  }
}

async function answer(request: TestRequest): Promise<TestAnswer> {
  const before = process.getActiveResourcesInfo().length;
  const suites: SuiteResult[] = [];
  ({ replaced = {}, workspace } = request);
  slowTests = request.slowTests.map((pattern) => new RegExp(pattern));
  failed = undefined;
  for (suite of request.suites) {
    process.send?.({ begins: suite });
    marks.clear();
    const began = process.cpuUsage();
    await runSuite();
    if (failed !== undefined) break;
    const { user, system } = process.cpuUsage(began);
    suites.push({ suite, durationMs: (user + system) / 1000, marks: [...marks] });
  }
  for (const timer of pending) clearTimeout(timer);
  pending.clear();
  // Whatever was closed is closed by now.
  await new Promise((done) => setImmediate(done));
  const isSpent = process.getActiveResourcesInfo().length > before;
  return { suites, failed, isSpent };
}

Object.assign(globalThis, {
  expect,
  jest,
  mark: (number: number) => marks.add(number),
  describe: circus.describe,
  it: circus.it,
  test: circus.test,
  beforeAll: circus.beforeAll,
  beforeEach: circus.beforeEach,
  afterAll: circus.afterAll,
  afterEach: circus.afterEach,
});
// Discard the output of the tests.
process.stdout.write = () => true;
// End with the parent process.
process.on('disconnect', () => process.exit());
process.on('message', (request: TestRequest) => {
  void answer(request).then((result) => process.send?.(result));
});
