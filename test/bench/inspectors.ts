import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { HandoffAttemptInputs, HandoffController } from '../../src';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';

const ENABLED = HandoffAttemptInputs.enabled();
const BACKENDS = 1_000;
const OPENED_AT = 1_000.5;
const NOW = 1_001.5;
/** Decisions of one measured run while nobody watches: tens of milliseconds. */
const UNWATCHED = 500_000;
/** While somebody does: few enough that the relay sends them as one batch, so that no viewer falls behind. */
const WATCHED = 200;
const WATCHED_RUNS = 10;

/** What one decision costs, in the median over the rounds. */
export interface InspectorRow {
  /** Undefined: the controller was made without `inspect`, and there is no relay. 0: a relay, and nobody watches. */
  readonly viewers: number | undefined;
  /** Nanoseconds for which the caller waits. */
  readonly nanoseconds: number;
  /** Nanoseconds of the process's CPU time, with what is sent to the viewers afterwards; these are another process. */
  readonly cpuNanoseconds: number;
  /**
   * `cpuNanoseconds` beside those without `inspect`: the median of the rounds' ratios. CPU time, since others may use the
   * machine as well.
   */
  readonly ratio: number;
}

/** What inspection costs. */
export interface InspectorFigures {
  readonly backends: number;
  readonly rows: readonly InspectorRow[];
  /** The ratio of two controllers that are both without `inspect`: what differs from 1 by no more is noise. */
  readonly noiseRatio: number;
}

interface Sample {
  readonly nanoseconds: number;
  readonly cpuNanoseconds: number;
}

interface Subject {
  readonly viewers: number | undefined;
  readonly run: () => Promise<Sample>;
  readonly end: () => Promise<void>;
}

/**
 * The cost of a decision, windows open and 1,000 backends: without `inspect`, with a relay that nobody watches, and with
 * 1, 4 and 16 viewers. Each round measures all of them, so that a machine that is slow for a while is slow for all.
 */
export async function benchInspectors({ rounds }: { readonly rounds: number }): Promise<InspectorFigures> {
  const subjects: Subject[] = [];
  try {
    for (const viewers of [undefined, undefined, 0, 1, 4, 16]) subjects.push(await createSubject(viewers));
    // Once for nothing, for the compiler.
    for (const { run } of subjects) await run();
    const samples = subjects.map((): Sample[] => []);
    for (let round = 0; round < rounds; round++) {
      // In the other direction each second time: who comes first has no advantage.
      const order = [...subjects.keys()];
      if (round % 2 === 1) order.reverse();
      for (const index of order) {
        const sample = await subjects[index]?.run();
        if (sample !== undefined) samples[index]?.push(sample);
      }
    }
    const all = subjects.map(({ viewers }, index): InspectorRow => {
      const own = samples[index] ?? [];
      return {
        viewers,
        nanoseconds: median(own.map(({ nanoseconds }) => nanoseconds)),
        cpuNanoseconds: median(own.map(({ cpuNanoseconds }) => cpuNanoseconds)),
        ratio: median(
          own.map(
            ({ cpuNanoseconds }, round) =>
              cpuNanoseconds / (samples[0]?.[round]?.cpuNanoseconds ?? Number.NaN),
          ),
        ),
      };
    });
    const [first, second, ...others] = all;
    if (first === undefined || second === undefined) throw new Error('Nothing was measured');
    return { backends: BACKENDS, rows: [first, ...others], noiseRatio: second.ratio };
  } finally {
    for (const { end } of subjects) await end();
  }
}

async function createSubject(viewers: number | undefined): Promise<Subject> {
  const names = Array.from({ length: BACKENDS }, (_, index) => `service-${index}`);
  const controller = new HandoffController();
  for (const name of names) controller.recordFailedAttempt(name, 'backendAckTimeout', OPENED_AT);
  const decide = (count: number): Sample => {
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    for (let n = 0; n < count; n++) controller.shouldAttempt(names[n % BACKENDS] ?? '', ENABLED, NOW);
    const nanoseconds = Number(process.hrtime.bigint() - start) / count;
    return { nanoseconds, cpuNanoseconds: cpuSince(cpu) / count };
  };
  const relay = viewers === undefined ? undefined : await createInspectionRelay({ controller });
  if (relay === undefined || !viewers) {
    return {
      viewers,
      run: async () => decide(UNWATCHED),
      end: async () => {
        await relay?.close();
        controller.dispose();
      },
    };
  }
  const watching = await startViewers(relay, viewers);
  return {
    viewers,
    run: async () => {
      const cpu = process.cpuUsage();
      let nanoseconds = 0;
      for (let n = 0; n < WATCHED_RUNS; n++) {
        const received = once(watching, 'message');
        nanoseconds += decide(WATCHED).nanoseconds;
        await received;
      }
      return {
        nanoseconds: nanoseconds / WATCHED_RUNS,
        cpuNanoseconds: cpuSince(cpu) / (WATCHED * WATCHED_RUNS),
      };
    },
    end: async () => {
      watching.kill();
      await relay.close();
      controller.dispose();
    },
  };
}

/** A process that says each time when all of its viewers have got a message; at first the present state. */
async function startViewers({ url }: InspectionRelay, count: number): Promise<ChildProcess> {
  const child = fork(join(__dirname, 'inspectorViewers.ts'), [url, String(count)], {
    execArgv: ['-r', require.resolve('ts-node/register/transpile-only')],
  });
  await once(child, 'message');
  return child;
}

function cpuSince(earlier: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(earlier);
  return (user + system) * 1_000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
