import Table from 'cli-table3';
import type { Report } from './Report';
import { isMet, type SectionResult, showBound, showNumber, type Target } from './Section';

/** No colour: what is printed may go to a file. No rules between the rows either. */
const PLAIN = { head: [], border: [], compact: true };

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    style: PLAIN,
    head: [...head],
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

/** A section for the terminal. */
export function showSection({ title, table }: SectionResult): string {
  return `${title}\n${tableOf(table.head, table.rows)}`;
}

export function targetRow(target: Target): string[] {
  return [
    target.what,
    showBound(target),
    `${showNumber(target.measured)} ${target.unit}`,
    isMet(target) ? 'met' : 'missed',
  ];
}

export const TARGET_HEAD = ['target', 'bound', 'measured', ''];

/** All targets, for the terminal. */
export function showTargets({ sections }: Report): string {
  return tableOf(
    TARGET_HEAD,
    sections.flatMap(({ targets }) => targets.map(targetRow)),
  );
}
