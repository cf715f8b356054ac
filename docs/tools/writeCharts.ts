import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyStateMachine } from 'xstate';
import {
  backendHandoff,
  backendLifecycle,
  connectRound,
  fdPressure,
  handoffTransfer,
  RECONNECT_REASON_WORDS,
} from '../../machines';
import { chartToMermaid, chartToTables } from './chartToMarkdown';

// Writes what README and docs show of the charts, from the charts themselves. `--check` writes nothing and fails where
// what is there differs.

const ROOT = join(__dirname, '..', '..');

const inWordsToo = (machine: AnyStateMachine): string =>
  `${chartToMermaid(machine)}\n\n${chartToTables(machine)}`;

const REASONS = [
  '| reason | what it means | what to do |',
  '|---|---|---|',
  ...Object.entries(RECONNECT_REASON_WORDS).map(
    ([reason, { means, advice }]) => `| \`${reason}\` | ${means} | ${advice} |`,
  ),
].join('\n');

const GENERATED: readonly [file: string, marker: string, text: string][] = [
  ['README.md', 'chart', chartToMermaid(backendHandoff)],
  ['docs/charts.md', 'backendHandoff', inWordsToo(backendHandoff)],
  ['docs/charts.md', 'handoffTransfer', inWordsToo(handoffTransfer)],
  ['docs/charts.md', 'connectRound', inWordsToo(connectRound)],
  ['docs/charts.md', 'backendLifecycle', inWordsToo(backendLifecycle)],
  ['docs/charts.md', 'fdPressure', inWordsToo(fdPressure)],
  ['docs/operations.md', 'reasons', REASONS],
];

const isCheck = process.argv.includes('--check');
for (const [file, marker, text] of GENERATED) {
  const path = join(ROOT, file);
  const before = readFileSync(path, 'utf8');
  const begin = `<!-- generated: ${marker} -->`;
  const end = `<!-- end of ${marker} -->`;
  const [head, rest] = before.split(begin);
  const tail = rest?.split(end)[1];
  if (head === undefined || tail === undefined) throw new Error(`${file} lacks the markers of ${marker}`);
  const after = `${head}${begin}\n${text}\n${end}${tail}`;
  if (after === before) continue;
  if (isCheck) {
    process.stderr.write(
      `${file}: what is shown of ${marker} is not what the chart is; run npm run docs:diagrams\n`,
    );
    process.exitCode = 1;
  } else {
    writeFileSync(path, after);
    process.stdout.write(`wrote ${marker} in ${file}\n`);
  }
}
