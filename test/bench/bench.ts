import { cpus } from 'node:os';
import Table from 'cli-table3';
import { Command } from 'commander';
import { benchDecisions, benchPeers, type DecisionRow } from './decisions';
import { blockedByWindowEnds, bytesPerBackend, bytesPerDecision } from './memory';

// `npm run bench`: figures as ratios measured in one run, each the median of several rounds.

const { json, quick } = new Command('npm run bench --')
  .option('--json', 'print one JSON object and nothing else', false)
  .option('--quick', 'fewer and shorter rounds', false)
  .parse()
  .opts<{ json: boolean; quick: boolean }>();

const rounds = quick ? 7 : 15;
const timeMs = quick ? 40 : 200;
const counts = quick ? [1_000, 100_000] : [1, 100, 1_000, 10_000, 100_000, 1_000_000];
const manyBackends = quick ? 200_000 : 1_000_000;

/** No colour: what is printed may go to a file. */
const PLAIN = { head: [], border: [] };

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function ratio(rows: readonly DecisionRow[], name: string, beside: string, backends: number): number | null {
  const find = (wanted: string) =>
    rows.find((row) => row.name === wanted && row.backends === backends)?.nanoseconds;
  const [a, b] = [find(name), find(beside)];
  return a === undefined || b === undefined ? null : a / b;
}

async function main(): Promise<void> {
  progress(`decisions with ${counts.join(', ')} backends, ${rounds} rounds…`);
  const decisions = await benchDecisions(counts, rounds, timeMs);
  progress('peers…');
  const peers = await benchPeers(rounds, timeMs);
  progress('memory…');
  const ratios = counts.map((backends) => ({
    backends,
    decisionToPlainMap: ratio(decisions, 'controller: decision', 'plain map: decision', backends),
    cycleToPlainMap: ratio(decisions, 'controller: cycle', 'plain map: cycle', backends),
    decisionToInterpreted: ratio(decisions, 'controller: decision', 'interpreted chart: decision', backends),
    cycleToInterpreted: ratio(decisions, 'controller: cycle', 'interpreted chart: cycle', backends),
  }));
  const result = {
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version },
    date: new Date().toISOString().slice(0, 10),
    rounds,
    decisions,
    peers,
    ratios,
    bytesPerBackend: bytesPerBackend(manyBackends),
    bytesPerDecision: await bytesPerDecision(quick ? 1_000_000 : 10_000_000),
    windowEnds: { backends: manyBackends, longestBlockMs: await blockedByWindowEnds(manyBackends) },
  };
  if (json) {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const table = new Table({
    style: PLAIN,
    head: ['', 'backends', 'ns a call'],
    colAligns: ['left', 'right', 'right'],
  });
  for (const { name, backends, nanoseconds } of [...decisions, ...peers]) {
    table.push([name, backends.toLocaleString('en-US'), nanoseconds.toFixed(1)]);
  }
  const show = (value: number | null): string =>
    value === null ? '' : `${value.toFixed(value < 0.1 ? 4 : 2)} ×`;
  const ratioTable = new Table({
    style: PLAIN,
    head: ['controller beside', 'backends', 'decision', 'cycle'],
    colAligns: ['left', 'right', 'right', 'right'],
  });
  for (const one of ratios) {
    ratioTable.push(['plain map', one.backends, show(one.decisionToPlainMap), show(one.cycleToPlainMap)]);
    if (one.decisionToInterpreted !== null) {
      ratioTable.push([
        'interpreted chart',
        one.backends,
        show(one.decisionToInterpreted),
        show(one.cycleToInterpreted),
      ]);
    }
  }
  const { attempt, rateLimited } = result.bytesPerDecision;
  process.stdout.write(
    `${table}\n${ratioTable}\n` +
      `a backend with a failure counted: ${result.bytesPerBackend.toFixed(0)} bytes with its key\n` +
      `garbage of a decision: ${attempt.toFixed(2)} bytes for an attempt, ${rateLimited.toFixed(1)} with retryAfterMs\n` +
      `${manyBackends.toLocaleString('en-US')} windows that end together block the event loop for at most ${result.windowEnds.longestBlockMs.toFixed(1)} ms\n`,
  );
}

void main();
