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
import { ERROR_CODES } from '../../src/protocol/errorCodes';
import { chartToMermaid, chartToTables } from './chartToMarkdown';
import { type Rooms, roomsToMermaid } from './roomsToMermaid';

// Generates the diagrams and tables in README and docs from their sources. `--check` writes nothing and fails if one is
// out of date.

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

const CODES = [
  '| code | from | retryable | meaning |',
  '|---|---|---|---|',
  ...Object.entries(ERROR_CODES).map(
    ([code, { from, retryable, means }]) =>
      `| \`${code}\` | ${from} | ${retryable ? 'yes' : 'no'} | ${means} |`,
  ),
].join('\n');

const { rooms } = require('../../.dependency-cruiser.cjs') as { readonly rooms: Rooms };
const ROOMS = roomsToMermaid(rooms);

const GENERATED: readonly [file: string, marker: string, text: string][] = [
  ['README.md', 'chart', chartToMermaid(backendHandoff)],
  ['docs/charts.md', 'backendHandoff', inWordsToo(backendHandoff)],
  ['docs/charts.md', 'handoffTransfer', inWordsToo(handoffTransfer)],
  ['docs/charts.md', 'connectRound', inWordsToo(connectRound)],
  ['docs/charts.md', 'backendLifecycle', inWordsToo(backendLifecycle)],
  ['docs/charts.md', 'fdPressure', inWordsToo(fdPressure)],
  ['docs/how-it-works.md', 'rooms', ROOMS.top],
  ['docs/how-it-works.md', 'broker rooms', ROOMS.broker],
  ['docs/operations.md', 'reasons', REASONS],
  ['docs/protocol.md', 'error codes', CODES],
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
    process.stderr.write(`${file}: ${marker} is out of date; run npm run docs:diagrams\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, after);
    process.stdout.write(`wrote ${marker} in ${file}\n`);
  }
}
