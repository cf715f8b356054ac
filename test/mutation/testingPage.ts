import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExplainedSurvivor } from './explainedSurvivors';
import { ROOT } from './Workspace';

const PAGE = join(ROOT, 'docs/testing.md');

/** What became of the mutants of one area. */
export interface AreaResult {
  readonly area: string;
  readonly mutants: number;
  readonly noticed: number;
  readonly explained: number;
}

function code(text: string): string {
  return `\`${text.replaceAll('`', "'").replaceAll('|', '\\|')}\``;
}

/** The table of survivors, as the page shows it. */
export function survivorsTable(explained: readonly ExplainedSurvivor[]): string {
  const rows = explained.map(({ file, line, changes, why }) => {
    return `| ${code(file)} | ${code(line)} | ${changes.map(code).join(', ')} | ${why} |`;
  });
  return ['| file | line | change | why |', '|---|---|---|---|', ...rows].join('\n');
}

function figuresTable(results: readonly AreaResult[], seconds: number): string {
  const sum = (of: (result: AreaResult) => number): number =>
    results.reduce((total, one) => total + of(one), 0);
  const all: AreaResult = {
    area: 'all',
    mutants: sum(({ mutants }) => mutants),
    noticed: sum(({ noticed }) => noticed),
    explained: sum((one) => one.explained),
  };
  const rows = [...results, all].map(({ area, mutants, noticed, explained }) => {
    const share = ((100 * noticed) / mutants).toFixed(1);
    return `| ${area} | ${mutants} | ${noticed} (${share} %) | ${explained} |`;
  });
  return [
    '| area | changes | noticed | explained |',
    '|---|---|---|---|',
    ...rows,
    '',
    `Measured in ${Math.round(seconds / 60)} minutes.`,
  ].join('\n');
}

function between(text: string, marker: string): [head: string, shown: string, tail: string] {
  const begin = `<!-- generated: ${marker} -->\n`;
  const end = `<!-- end of ${marker} -->`;
  const at = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end);
  if (at < begin.length || to < at) throw new Error(`${PAGE} lacks the markers of ${marker}`);
  return [text.slice(0, at), text.slice(at, to).trimEnd(), text.slice(to)];
}

/** What the page shows of the survivors. */
export function shownSurvivors(): string {
  return between(readFileSync(PAGE, 'utf8'), 'survivors')[1];
}

/** @param figures of a whole run; undefined leaves those that are there */
export function writeTestingPage(
  explained: readonly ExplainedSurvivor[],
  figures: { readonly results: readonly AreaResult[]; readonly seconds: number } | undefined,
): void {
  let text = readFileSync(PAGE, 'utf8');
  const put = (marker: string, shown: string): void => {
    const [head, , tail] = between(text, marker);
    text = `${head}${shown}\n${tail}`;
  };
  put('survivors', survivorsTable(explained));
  if (figures !== undefined) put('figures', figuresTable(figures.results, figures.seconds));
  writeFileSync(PAGE, text);
}
