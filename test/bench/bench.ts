import { Command, InvalidArgumentError } from 'commander';
import { describeMachine, type Report } from './Report';
import { runSection } from './runSection';
import type { Section, SectionResult } from './Section';
import { SECTIONS } from './sections';
import { showSection, showTargets } from './showReport';
import { writeDocs } from './writeDocs';

const QUICK_ROUNDS = 7;
const FULL_ROUNDS = 15;
const NAMES = SECTIONS.map(({ name }) => name).join(', ');

interface Options {
  readonly json: boolean;
  readonly quick: boolean;
  /** Undefined: where all of it was measured at full length. */
  readonly docs?: boolean;
  readonly section: readonly Section[];
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function addSection(name: string, others: readonly Section[]): readonly Section[] {
  const section = SECTIONS.find((one) => one.name === name);
  if (section === undefined) throw new InvalidArgumentError(`There are ${NAMES}.`);
  return [...others, section];
}

async function runAll(sections: readonly Section[], quick: boolean): Promise<Report> {
  const began = performance.now();
  const rounds = quick ? QUICK_ROUNDS : FULL_ROUNDS;
  const results: SectionResult[] = [];
  for (const section of sections) {
    const start = performance.now();
    process.stderr.write(`${section.name}…`);
    try {
      results.push(await runSection(section, { quick, rounds }));
      progress(` ${Math.round((performance.now() - start) / 1_000)} s`);
    } catch (error) {
      // The others are worth seeing all the same.
      process.exitCode = 1;
      progress(` ${error instanceof Error ? error.message : error}`);
    }
  }
  return {
    date: new Date().toISOString(),
    quick,
    rounds,
    seconds: Math.round((performance.now() - began) / 1_000),
    machine: describeMachine(),
    sections: results,
  };
}

async function bench({ json, quick, docs, section: chosen }: Options): Promise<void> {
  const report = await runAll(chosen.length > 0 ? chosen : SECTIONS, quick);
  const isWhole = report.sections.length === SECTIONS.length;
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else process.stdout.write(`${[...report.sections.map(showSection), showTargets(report)].join('\n\n')}\n`);
  if (docs ?? (isWhole && !quick)) {
    if (!isWhole) progress('docs/benchmarks.md is left as it is: not all sections were measured');
    else writeDocs(report);
  }
}

new Command('npm run bench --')
  .description('Measures what the README promises, as ratios in one run.')
  .option('-q, --quick', 'fewer and shorter rounds: under two minutes', false)
  .option('--json', 'print one JSON object and nothing else', false)
  .option('-s, --section <name>', `run one section only, or several: ${NAMES}`, addSection, [])
  .option('--docs', 'write docs/benchmarks.md and its charts, even with --quick')
  .option('--no-docs', 'leave docs/benchmarks.md as it is')
  .addHelpText(
    'after',
    '\nExit codes: 0 all sections were measured, whether or not they met their targets; 1 one failed, or an option is wrong.',
  )
  .action(bench)
  .parseAsync();
