import { HandoffAttemptInputs, HandoffController, HandoffFallbackPolicy } from '../../src';
import { InterpretedController } from '../model/InterpretedController';
import { measure, type Subject } from './measure';
import { PlainMap } from './PlainMap';
import { section, showCount, showNumber, type Target } from './Section';

const ENABLED = HandoffAttemptInputs.enabled();
const WINDOW_MS = 30_000;
const MAXIMUM = 8;
const OPENED_AT = 1_000.5;
const NOW = 1_001.5;
const BATCH = 1_000;
const INTERPRETED_BATCH = 20;
/** With more, filling the interpreter's actors would take longer than all the rest. */
const MOST_INTERPRETED = 1_000;
const COUNTS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
const QUICK_COUNTS = [1, 1_000, 100_000, 1_000_000];

/** Nanoseconds a call with so many backends, and beside the others. */
interface DecisionRow {
  readonly backends: number;
  readonly nanoseconds: Readonly<Record<string, number>>;
  readonly toPlainMap: { readonly decision: number; readonly rateLimited: number; readonly cycle: number };
  /** How many times faster than the interpreted chart. */
  readonly overInterpreted: { readonly decision: number; readonly cycle: number } | null;
}

/**
 * Indexes at random, the same for every subject: caches help none of them to more than it would get from real requests.
 * (A cycle deletes and adds again; in a repeated order a plain map would end up sorted by it in memory.)
 */
function atRandom(count: number): () => number {
  let state = 0x9e3779b9;
  return () => {
    // xorshift32: a few instructions, beside which a decision still shows.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * count);
  };
}

/** Gives the last answer back: the compiler would spare the making of answers that nobody looks at. */
function batch(run: (index: number) => unknown, count: number, calls: number): () => unknown {
  const next = atRandom(count);
  return () => {
    let answer: unknown;
    for (let n = 0; n < calls; n++) answer = run(next());
    return answer;
  };
}

async function measureCount(count: number, rounds: number, timeMs: number): Promise<DecisionRow> {
  const names = Array.from({ length: count }, (_, index) => `service-${index}`);
  const at = (index: number): string => names[index] ?? '';
  const policy = new HandoffFallbackPolicy({
    maxFailedAttemptsPerWindow: MAXIMUM,
    failedAttemptWindowMs: WINDOW_MS,
  });
  const controller = new HandoffController({ policy, maxBackends: count });
  const cycling = new HandoffController({ policy, maxBackends: count });
  const limited = new HandoffController({
    policy: { ...policy, maxFailedAttemptsPerWindow: 1 },
    maxBackends: count,
  });
  const plain = new PlainMap(MAXIMUM, WINDOW_MS);
  const plainLimited = new PlainMap(1, WINDOW_MS);
  const plainCycling = new PlainMap(MAXIMUM, WINDOW_MS);
  for (const one of [controller, limited, cycling]) {
    for (const name of names) one.recordFailedAttempt(name, 'backendAckTimeout', OPENED_AT);
  }
  for (const one of [plain, plainLimited, plainCycling])
    for (const name of names) one.recordFailedAttempt(name, OPENED_AT);
  const subjects: Subject[] = [
    {
      name: 'plain map: decision',
      calls: BATCH,
      run: batch((i) => plain.shouldAttempt(at(i), ENABLED, NOW), count, BATCH),
    },
    {
      name: 'controller: decision',
      calls: BATCH,
      run: batch((i) => controller.shouldAttempt(at(i), ENABLED, NOW), count, BATCH),
    },
    {
      name: 'plain map: rate-limited',
      calls: BATCH,
      run: batch((i) => plainLimited.shouldAttempt(at(i), ENABLED, NOW), count, BATCH),
    },
    {
      name: 'controller: rate-limited',
      calls: BATCH,
      run: batch((i) => limited.shouldAttempt(at(i), ENABLED, NOW), count, BATCH),
    },
    {
      name: 'plain map: cycle',
      calls: BATCH,
      run: batch(
        (i) => {
          plainCycling.shouldAttempt(at(i), ENABLED, NOW);
          plainCycling.recordFailedAttempt(at(i), NOW);
          plainCycling.shouldAttempt(at(i), ENABLED, NOW);
          plainCycling.recordSuccess(at(i));
        },
        count,
        BATCH,
      ),
    },
    {
      name: 'controller: cycle',
      calls: BATCH,
      run: batch(
        (i) => {
          cycling.shouldAttempt(at(i), ENABLED, NOW);
          cycling.recordFailedAttempt(at(i), 'backendAckTimeout', NOW);
          cycling.shouldAttempt(at(i), ENABLED, NOW);
          cycling.recordSuccess(at(i), NOW);
        },
        count,
        BATCH,
      ),
    },
  ];
  const isInterpreted = count <= MOST_INTERPRETED;
  if (isInterpreted) {
    const interpreted = new InterpretedController(policy);
    for (const name of names) interpreted.recordFailedAttempt(name, 'backendAckTimeout', OPENED_AT);
    subjects.push(
      {
        name: 'interpreted chart: decision',
        calls: INTERPRETED_BATCH,
        run: batch((i) => interpreted.shouldAttempt(at(i), ENABLED, NOW), count, INTERPRETED_BATCH),
      },
      {
        name: 'interpreted chart: cycle',
        calls: INTERPRETED_BATCH,
        run: batch(
          (i) => {
            interpreted.shouldAttempt(at(i), ENABLED, NOW);
            interpreted.recordFailedAttempt(at(i), 'backendAckTimeout', NOW);
            interpreted.shouldAttempt(at(i), ENABLED, NOW);
            interpreted.recordSuccess(at(i), NOW);
          },
          count,
          INTERPRETED_BATCH,
        ),
      },
    );
  }
  const measured = await measure(subjects, rounds, timeMs);
  controller.dispose();
  limited.dispose();
  cycling.dispose();
  return {
    backends: count,
    nanoseconds: Object.fromEntries(subjects.map(({ name }) => [name, measured.nanoseconds(name)])),
    toPlainMap: {
      decision: measured.ratio('controller: decision', 'plain map: decision'),
      rateLimited: measured.ratio('controller: rate-limited', 'plain map: rate-limited'),
      cycle: measured.ratio('controller: cycle', 'plain map: cycle'),
    },
    overInterpreted: isInterpreted
      ? {
          decision: measured.ratio('interpreted chart: decision', 'controller: decision'),
          cycle: measured.ratio('interpreted chart: cycle', 'controller: cycle'),
        }
      : null,
  };
}

const times = (value: number): string => `${showNumber(value)} ×`;
const nanoseconds = ({ nanoseconds }: DecisionRow, name: string): string => {
  const value = nanoseconds[name];
  return value === undefined ? '–' : showNumber(value);
};

/** Decisions and cycles (decide, fail, decide, succeed) beside a plain map and the interpreted chart. */
export const decisions = section<readonly DecisionRow[]>({
  name: 'decisions',
  title: 'A decision',
  about:
    'Nanoseconds per call. Every backend has an open window, and the calls pick backends at random. ' +
    'The result of a decision is an attempt, or a rate-limited fallback with `retryAfterMs`; a cycle is decide, fail, decide, succeed. ' +
    'The plain map has the same rules, without argument checks and timers, and keeps nothing of a backend after its success.',

  async run({ quick, rounds }) {
    const rows: DecisionRow[] = [];
    for (const count of quick ? QUICK_COUNTS : COUNTS) {
      rows.push(await measureCount(count, rounds, quick ? 40 : 200));
    }
    return rows;
  },

  table(rows) {
    return {
      head: [
        'backends',
        'decision',
        'plain map',
        'ratio',
        'rate-limited',
        'plain map',
        'ratio',
        'cycle',
        'plain map',
        'ratio',
        'interpreted: decision',
        'cycle',
      ],
      rows: rows.map((row) => [
        showCount(row.backends),
        nanoseconds(row, 'controller: decision'),
        nanoseconds(row, 'plain map: decision'),
        times(row.toPlainMap.decision),
        nanoseconds(row, 'controller: rate-limited'),
        nanoseconds(row, 'plain map: rate-limited'),
        times(row.toPlainMap.rateLimited),
        nanoseconds(row, 'controller: cycle'),
        nanoseconds(row, 'plain map: cycle'),
        times(row.toPlainMap.cycle),
        nanoseconds(row, 'interpreted chart: decision'),
        nanoseconds(row, 'interpreted chart: cycle'),
      ]),
    };
  },

  charts(rows) {
    const curve = (label: string, name: string) => ({
      label,
      points: rows.map((row) => [row.backends, row.nanoseconds[name] ?? Number.NaN] as const),
    });
    return [
      {
        name: 'decision-by-backends',
        title: 'A decision by number of backends',
        x: { title: 'backends', scale: 'log10' },
        y: { title: 'ns', scale: 'log10' },
        curves: [curve('controller', 'controller: decision'), curve('plain map', 'plain map: decision')],
      },
      {
        name: 'cycle-by-backends',
        title: 'Decide, fail, decide, succeed by number of backends',
        x: { title: 'backends', scale: 'log10' },
        y: { title: 'ns', scale: 'log10' },
        curves: [curve('controller', 'controller: cycle'), curve('plain map', 'plain map: cycle')],
      },
    ];
  },

  targets(rows) {
    return rows.flatMap((row): Target[] => {
      const backends = `${showCount(row.backends)} backends`;
      const decision = {
        what: `decision, window open, ${backends}, compared with the plain map`,
        unit: '×',
        measured: row.toPlainMap.decision,
      };
      if (row.backends === 1_000) {
        const { overInterpreted } = row;
        return [
          { ...decision, bound: { atMost: 2 } },
          {
            what: `cycle, ${backends}, compared with the plain map`,
            bound: { atMost: 3 },
            unit: '×',
            measured: row.toPlainMap.cycle,
          },
          ...(['decision', 'cycle'] as const).map((what) => ({
            what: `${what}, ${backends}: faster than the interpreted chart`,
            bound: { atLeast: 100 },
            unit: '×',
            measured: overInterpreted?.[what] ?? Number.NaN,
          })),
        ];
      }
      return row.backends >= 100_000 ? [{ ...decision, bound: { atMost: 1.5 } }] : [];
    });
  },
});
