import type { Mutant } from './createMutants';
import { type Marked, markAt, markFunctions } from './markFunctions';
import { SLOW_TESTS } from './scope';
import { TestProcess } from './TestProcess';
import type { SuiteResult } from './testWorker';
import { compile, readSource, type Workspace } from './Workspace';

/** Milliseconds of processor time that a suite may take, beside a multiple of what it takes without a mutant. */
const MIN_LIMIT_MS = 2_000;
const LIMIT_FACTOR = 4;
const BASELINE_LIMIT_MS = 300_000;

/** What became of a mutant: the test that noticed it, or undefined. */
export interface Outcome {
  readonly mutant: Mutant;
  /** `suite: test`, or what else ended the run. */
  readonly noticedBy: string | undefined;
  /** Whether any suite comes by the place. */
  readonly isCovered: boolean;
}

/** How the suites run without a mutant. */
export interface Baseline {
  readonly suites: readonly SuiteResult[];
  readonly marked: ReadonlyMap<string, readonly Marked[]>;
}

const slowTests = SLOW_TESTS.map(({ source }) => source);

/** @throws Error a test fails as it is */
export async function measureBaseline(
  workspace: Workspace,
  files: readonly string[],
  onSuite: (result: SuiteResult) => void,
): Promise<Baseline> {
  const marked = new Map<string, readonly Marked[]>();
  const replaced: Record<string, string> = {};
  let next = 0;
  for (const file of files) {
    const result = markFunctions(file, readSource(file), next);
    marked.set(file, result.marked);
    next += result.marked.length;
    replaced[workspace.programOf(file)] = compile(result.text, file);
  }
  const process = new TestProcess(workspace.programOf('test/mutation/testWorker.ts'));
  const suites: SuiteResult[] = [];
  try {
    for (const suite of workspace.suites) {
      const request = { workspace: workspace.path, suites: [suite], replaced, slowTests };
      const answer = await process.run(request, () => BASELINE_LIMIT_MS);
      const result = answer?.suites[0];
      if (result === undefined) {
        const { test, reason } = answer?.failed ?? { test: 'it', reason: 'the process ended' };
        throw new Error(`Without any mutant, ${suite} fails: ${test}: ${reason}`);
      }
      suites.push(result);
      onSuite(result);
    }
  } finally {
    process.stop();
  }
  return { suites, marked };
}

/** Tests every mutant; tells of each as it comes. */
export async function runMutants(
  workspace: Workspace,
  mutants: readonly Mutant[],
  { suites, marked }: Baseline,
  concurrency: number,
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  const kills = new Map<string, number>();
  const killsOf = (suite: string, file: string): number => kills.get(`${suite} ${file}`) ?? 0;
  const queue = mutants.values();

  const test = async (process: TestProcess, mutant: Mutant): Promise<Outcome> => {
    const { file, start, end, replacement } = mutant;
    const mark = markAt(marked.get(file) ?? [], start, end);
    const covering = suites.filter(({ marks }) => marks.includes(mark));
    if (covering.length === 0) return { mutant, noticedBy: undefined, isCovered: false };
    // First those that are likely to notice soon.
    const weight = ({ suite, durationMs }: SuiteResult): number => durationMs / (killsOf(suite, file) + 0.2);
    const ordered = [...covering].sort((a, b) => weight(a) - weight(b));
    const text = readSource(file);
    const mutated = text.slice(0, start) + replacement + text.slice(end);
    const limitMs = (suite: string): number =>
      MIN_LIMIT_MS + LIMIT_FACTOR * (covering.find((one) => one.suite === suite)?.durationMs ?? 0);
    const answer = await process.run(
      {
        workspace: workspace.path,
        suites: ordered.map(({ suite }) => suite),
        replaced: { [workspace.programOf(file)]: compile(mutated, file) },
        slowTests,
      },
      limitMs,
    );
    if (answer === undefined)
      return { mutant, noticedBy: 'no end, or the end of the process', isCovered: true };
    const { failed } = answer;
    if (failed !== undefined) kills.set(`${failed.suite} ${file}`, killsOf(failed.suite, file) + 1);
    return { mutant, noticedBy: failed && `${failed.suite}: ${failed.test}`, isCovered: true };
  };

  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      const process = new TestProcess(workspace.programOf('test/mutation/testWorker.ts'));
      try {
        for (const mutant of queue) onOutcome(await test(process, mutant));
      } finally {
        process.stop();
      }
    }),
  );
}
