import { type CircuitBreakerPolicy, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import Opossum from 'opossum';
import { HandoffAttemptInputs, HandoffController, HandoffFallbackPolicy } from '../../src';
import { InterpretedController } from '../model/InterpretedController';
import { PlainMap } from './PlainMap';

const ENABLED = HandoffAttemptInputs.enabled();
const WINDOW_MS = 30_000;
const MAXIMUM = 8;
const OPENED_AT = 1_000.5;
const NOW = 1_001.5;
/** Calls in one measured run: enough that the clock's own cost disappears. */
const BATCH = 1_000;
const INTERPRETED_BATCH = 20;

/** Nanoseconds a call: the median over the rounds. */
export interface DecisionRow {
  readonly name: string;
  readonly backends: number;
  readonly nanoseconds: number;
}

type Subject = { readonly name: string; readonly calls: number; readonly run: () => unknown };

/** Every index once in a scattered order, so that a large map is not read in the order of its making. */
function scattered(count: number): () => number {
  let at = 0;
  // A stride that shares no factor with any count of the form 2^a * 5^b.
  const stride = 7_919;
  return () => {
    at = (at + stride) % count;
    return at;
  };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** Runs each subject once in every round, so that a machine that is slow for a while is slow for all. */
async function measure(
  subjects: readonly Subject[],
  rounds: number,
  timeMs: number,
): Promise<Map<string, number>> {
  // An ES module, which CommonJS loads this way.
  const { Bench } = await import('tinybench');
  const samples = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, calls, run } of subjects) {
      const bench = new Bench({ time: timeMs, iterations: 5, warmup: round === 0, warmupTime: timeMs });
      bench.add(name, run);
      const [task] = await bench.run();
      const result = task?.result;
      if (result === undefined || !('latency' in result)) throw new Error(`${name} was not measured`);
      samples.get(name)?.push((result.latency.p50 * 1e6) / calls);
    }
  }
  return new Map([...samples].map(([name, values]) => [name, median(values)]));
}

function batch(run: (index: number) => unknown, count: number, calls = BATCH): () => void {
  const next = scattered(count);
  return () => {
    for (let n = 0; n < calls; n++) run(next());
  };
}

/** Decisions and cycles (decide, fail, decide, succeed) of the controller beside a plain map and the interpreted chart. */
export async function benchDecisions(
  counts: readonly number[],
  rounds: number,
  timeMs: number,
): Promise<DecisionRow[]> {
  const rows: DecisionRow[] = [];
  for (const count of counts) {
    const names = Array.from({ length: count }, (_, index) => `service-${index}`);
    const at = (index: number): string => names[index] ?? '';
    const policy = new HandoffFallbackPolicy({
      maxFailedAttemptsPerWindow: MAXIMUM,
      failedAttemptWindowMs: WINDOW_MS,
    });
    const controller = new HandoffController({ policy, maxBackends: 2 * count });
    const cycling = new HandoffController({ policy, maxBackends: 2 * count });
    const plain = new PlainMap(MAXIMUM, WINDOW_MS);
    const plainCycling = new PlainMap(MAXIMUM, WINDOW_MS);
    for (const name of names) {
      controller.recordFailedAttempt(name, 'backendAckTimeout', OPENED_AT);
      plain.recordFailedAttempt(name, OPENED_AT);
      cycling.recordFailedAttempt(name, 'backendAckTimeout', OPENED_AT);
      plainCycling.recordFailedAttempt(name, OPENED_AT);
    }
    const subjects: Subject[] = [
      {
        name: 'plain map: decision',
        calls: BATCH,
        run: batch((i) => plain.shouldAttempt(at(i), ENABLED, NOW), count),
      },
      {
        name: 'controller: decision',
        calls: BATCH,
        run: batch((i) => controller.shouldAttempt(at(i), ENABLED, NOW), count),
      },
      {
        name: 'plain map: cycle',
        calls: BATCH,
        run: batch((i) => {
          plainCycling.shouldAttempt(at(i), ENABLED, NOW);
          plainCycling.recordFailedAttempt(at(i), NOW);
          plainCycling.shouldAttempt(at(i), ENABLED, NOW);
          plainCycling.recordSuccess(at(i));
        }, count),
      },
      {
        name: 'controller: cycle',
        calls: BATCH,
        run: batch((i) => {
          cycling.shouldAttempt(at(i), ENABLED, NOW);
          cycling.recordFailedAttempt(at(i), 'backendAckTimeout', NOW);
          cycling.shouldAttempt(at(i), ENABLED, NOW);
          cycling.recordSuccess(at(i), NOW);
        }, count),
      },
    ];
    if (count <= 1_000) {
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
    for (const [name, nanoseconds] of await measure(subjects, rounds, timeMs)) {
      rows.push({ name, backends: count, nanoseconds });
    }
    controller.dispose();
    cycling.dispose();
  }
  return rows;
}

/** A decision and its record together, beside the closed breakers of others. They are asynchronous, so all are awaited. */
export async function benchPeers(rounds: number, timeMs: number): Promise<DecisionRow[]> {
  const controller = new HandoffController();
  const work = async (): Promise<number> => 1;
  const cockatiel: CircuitBreakerPolicy = circuitBreaker(handleAll, {
    halfOpenAfter: WINDOW_MS,
    breaker: new ConsecutiveBreaker(MAXIMUM),
  });
  const opossum = new Opossum(work, { timeout: false, resetTimeout: WINDOW_MS });
  const subjects: Subject[] = [
    {
      name: 'controller: decide, work, record',
      calls: 1,
      run: async () => {
        if (controller.shouldAttempt('svc', ENABLED).type === 'attempt') await work();
        controller.recordSuccess('svc');
      },
    },
    { name: 'cockatiel 3: execute', calls: 1, run: () => cockatiel.execute(work) },
    { name: 'opossum 8: fire', calls: 1, run: () => opossum.fire() },
  ];
  const medians = await measure(subjects, rounds, timeMs);
  opossum.shutdown();
  controller.dispose();
  return [...medians].map(([name, nanoseconds]) => ({ name, backends: 1, nanoseconds }));
}
