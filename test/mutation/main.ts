import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { createMutants, type Mutant } from './createMutants';
import { createRemovals } from './createRemovals';
import { changeOf, isExplained, lineOf, readExplained, unusedExplanations } from './explainedSurvivors';
import { measureBaseline, type Outcome, runMutants } from './runMutants';
import { type AreaResult, writeTestingPage } from './testingPage';
import { readSource, Workspace } from './Workspace';

/** Share of the mutants, in hundredths, that the tests must notice at least. */
const MIN_SCORE = 95;
const PROGRESS_EVERY_MS = 10_000;

interface Options {
  readonly charts: boolean;
  readonly concurrency: number;
  readonly docs: boolean;
  readonly json: boolean;
  readonly only: readonly string[];
}

function count(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError(`"${text}" is not an integer from 1 to 99.`);
  return Number(text);
}

/** Whether a mutant is in the file or folder that was asked for, or in the line: `src/Clock.ts:12`. */
function isIn({ file, line }: Mutant, place: string): boolean {
  return file.startsWith(place) || `${file}:${line}` === place;
}

function showMutant(mutant: Mutant): string {
  return `${mutant.file}:${mutant.line}:${mutant.column} ${changeOf(mutant)}`;
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function run({ charts, concurrency, docs, json, only }: Options): Promise<void> {
  const began = performance.now();
  const explained = readExplained();
  const workspace = new Workspace();
  const outcomes: Outcome[] = [];
  const create = charts ? createRemovals : createMutants;
  const areas = [...workspace.mutated].map(([area, files]) => ({
    area,
    mutants: files
      .flatMap((file) => create(file, readSource(file)))
      .filter((mutant) => only.length === 0 || only.some((place) => isIn(mutant, place))),
  }));
  const mutants = areas.flatMap((area) => area.mutants);
  if (mutants.length === 0) throw new Error(`There is nothing to change in ${only.join(', ')}`);
  try {
    const files = [...new Set(mutants.map(({ file }) => file))];
    const baseline = await measureBaseline(workspace, files, ({ suite, durationMs }) => {
      if (!json) progress(`${suite} passes in ${Math.round(durationMs)} ms`);
    });
    let told = performance.now();
    await runMutants(workspace, mutants, baseline, concurrency, (outcome) => {
      outcomes.push(outcome);
      const { mutant, noticedBy, isCovered } = outcome;
      if (noticedBy === undefined && !isExplained(mutant, explained)) {
        progress(
          `survives: ${showMutant(mutant)}${isCovered ? '' : ' (no test comes by)'}\n    ${lineOf(mutant)}`,
        );
      }
      if (performance.now() - told < PROGRESS_EVERY_MS) return;
      told = performance.now();
      progress(`${outcomes.length} of ${mutants.length}`);
    });
  } finally {
    workspace.remove();
  }
  const noticed = new Set(outcomes.filter(({ noticedBy }) => noticedBy).map(({ mutant }) => mutant));
  const isSurvivor = (mutant: Mutant): boolean => !noticed.has(mutant);
  const results = areas
    .filter((area) => area.mutants.length > 0)
    .map(
      (area): AreaResult => ({
        area: area.area,
        mutants: area.mutants.length,
        noticed: area.mutants.filter((mutant) => noticed.has(mutant)).length,
        explained: area.mutants.filter((mutant) => isSurvivor(mutant) && isExplained(mutant, explained))
          .length,
      }),
    );
  const unexplained = mutants.filter((mutant) => isSurvivor(mutant) && !isExplained(mutant, explained));
  const isWhole = only.length === 0 && !charts;
  const unused = isWhole ? unusedExplanations(mutants.filter(isSurvivor), explained) : [];
  for (const { file, line, changes } of unused) {
    progress(`explained, though a test notices it: ${file}: ${changes.join(', ')}\n    ${line}`);
  }
  const score = (100 * noticed.size) / mutants.length;
  const seconds = Math.round((performance.now() - began) / 1_000);
  if (json) {
    const survivors = unexplained.map((mutant) => ({
      file: mutant.file,
      line: mutant.line,
      column: mutant.column,
      change: changeOf(mutant),
    }));
    process.stdout.write(`${JSON.stringify({ score, seconds, areas: results, survivors }, null, 2)}\n`);
  } else {
    for (const one of results) {
      const share = ((100 * one.noticed) / one.mutants).toFixed(1);
      process.stdout.write(
        `${one.area}: ${one.noticed} of ${one.mutants} noticed (${share} %), ${one.explained} explained\n`,
      );
    }
    process.stdout.write(
      `${noticed.size} of ${mutants.length} noticed (${score.toFixed(1)} %), ${unexplained.length} survive unexplained, ${seconds} s\n`,
    );
  }
  if (docs) writeTestingPage(explained, isWhole ? { results, seconds } : undefined);
  if (score < MIN_SCORE || unexplained.length > 0 || unused.length > 0) process.exitCode = 1;
}

const program = new Command('npm run test:mutation --')
  .description(
    'Changes one small thing of the program at a time, and tells which changes no fast test notices. Ends with 1 if one survives that test/mutation/survivors.json does not explain, if that explains one which a test notices, or if less than 95 % are noticed.',
  )
  .option(
    '--charts',
    'leave out each guard, transition, delay, action and target of the charts instead',
    false,
  )
  .option(
    '--only <path>',
    'a file, a folder, or a line such as src/Clock.ts:12; may be given again',
    (path: string, others: readonly string[]) => [...others, path],
    [],
  )
  .option('--concurrency <n>', 'how many at a time', count, Math.min(2, availableParallelism()))
  .option('--docs', 'write docs/testing.md: the survivors, and the figures of a whole run', false)
  .option('--json', 'print one JSON object and nothing else', false)
  .parse();

run(program.opts<Options>()).catch((error: unknown) => {
  progress(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
});
