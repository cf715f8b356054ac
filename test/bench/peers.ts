import { type CircuitBreakerPolicy, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import Opossum from 'opossum';
import { HandoffAttemptInputs, HandoffController } from '../../src';
import { measure, type Subject } from './measure';
import { section, showNumber } from './Section';

const ENABLED = HandoffAttemptInputs.enabled();
const WINDOW_MS = 30_000;
const MAXIMUM = 8;
const BATCH = 200;

const SCENARIOS = { success: 'a successful attempt', failure: 'a failed attempt, then a successful one' };
type Scenario = keyof typeof SCENARIOS;
const NAMES = ['controller', 'cockatiel', 'opossum'] as const;

interface PeerRow {
  readonly scenario: string;
  /** A call, with the work that it is about. */
  readonly nanoseconds: Readonly<Record<(typeof NAMES)[number] | 'work alone', number>>;
  /** The controller beside each. */
  readonly toCockatiel: number;
  readonly toOpossum: number;
}

const FAILURE = new Error('no');
const succeed = async (): Promise<number> => 1;
const fail = async (): Promise<number> => {
  throw FAILURE;
};

/** One connection: whether it was handed over; if not, the client reconnects. */
type Call = (work: () => Promise<number>) => Promise<boolean>;

const RUNS: Readonly<Record<Scenario, (call: Call) => Promise<void>>> = {
  async success(call) {
    for (let n = 0; n < BATCH; n++) await call(succeed);
  },
  async failure(call) {
    for (let n = 0; n < BATCH; n++) {
      await call(fail);
      await call(succeed);
    }
  },
};

/** The same function for each, written as each is meant to be used. */
function callsOf(
  controller: HandoffController,
  cockatiel: CircuitBreakerPolicy,
  opossum: Opossum<[() => Promise<number>], number>,
): Readonly<Record<(typeof NAMES)[number] | 'work alone', Call>> {
  return {
    async controller(work) {
      if (controller.shouldAttempt('svc', ENABLED).type !== 'attempt') return false;
      try {
        await work();
      } catch {
        controller.recordFailedAttempt('svc', 'backendAckTimeout');
        return false;
      }
      controller.recordSuccess('svc');
      return true;
    },
    async cockatiel(work) {
      try {
        await cockatiel.execute(work);
        return true;
      } catch {
        return false;
      }
    },
    async opossum(work) {
      try {
        await opossum.fire(work);
        return true;
      } catch {
        return false;
      }
    },
    async 'work alone'(work) {
      try {
        await work();
        return true;
      } catch {
        return false;
      }
    },
  };
}

/** A decision and its record together, beside the closed breakers of others. */
export const peers = section<readonly PeerRow[]>({
  name: 'peers',
  title: 'Compared with circuit breakers',
  about:
    'Nanoseconds for a decision, the work and recording its result, compared with [cockatiel](https://github.com/connor4312/cockatiel) 3 and ' +
    '[opossum](https://github.com/nodeshift/opossum) 8. Each call is an async function around the work, which does nothing, and returns whether it succeeded; ' +
    'each library is used as in its README. Every breaker stays closed.',

  async run({ quick, rounds }) {
    const controller = new HandoffController();
    const cockatiel = circuitBreaker(handleAll, {
      halfOpenAfter: WINDOW_MS,
      breaker: new ConsecutiveBreaker(MAXIMUM),
    });
    const opossum = new Opossum((work: () => Promise<number>) => work(), {
      timeout: false,
      resetTimeout: WINDOW_MS,
      // Half of its calls fail in one scenario, which must not open it.
      errorThresholdPercentage: 100,
      // With them a failure costs as much as all calls of the last ten seconds.
      rollingPercentilesEnabled: false,
    });
    const calls = callsOf(controller, cockatiel, opossum);
    const rows: PeerRow[] = [];
    for (const [scenario, description] of Object.entries(SCENARIOS) as [Scenario, string][]) {
      const subjects = Object.entries(calls).map(
        ([name, call]): Subject => ({ name, calls: BATCH, run: () => RUNS[scenario](call) }),
      );
      const measured = await measure(subjects, rounds, quick ? 40 : 200);
      rows.push({
        scenario: description,
        nanoseconds: {
          controller: measured.nanoseconds('controller'),
          cockatiel: measured.nanoseconds('cockatiel'),
          opossum: measured.nanoseconds('opossum'),
          'work alone': measured.nanoseconds('work alone'),
        },
        toCockatiel: measured.ratio('controller', 'cockatiel'),
        toOpossum: measured.ratio('controller', 'opossum'),
      });
    }
    opossum.shutdown();
    controller.dispose();
    return rows;
  },

  table(rows) {
    return {
      head: ['', 'controller', 'cockatiel', 'ratio', 'opossum', 'ratio', 'only the work'],
      rows: rows.map(({ scenario, nanoseconds, toCockatiel, toOpossum }) => [
        scenario,
        showNumber(nanoseconds.controller),
        showNumber(nanoseconds.cockatiel),
        `${showNumber(toCockatiel)} ×`,
        showNumber(nanoseconds.opossum),
        `${showNumber(toOpossum)} ×`,
        showNumber(nanoseconds['work alone']),
      ]),
    };
  },

  targets(rows) {
    return rows.flatMap(({ scenario, toCockatiel, toOpossum }) => [
      {
        what: `${scenario}, compared with cockatiel's breaker`,
        bound: { below: 1 },
        unit: '×',
        measured: toCockatiel,
      },
      { what: `${scenario}, compared with opossum's`, bound: { below: 1 }, unit: '×', measured: toOpossum },
    ]);
  },
});
