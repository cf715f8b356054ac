import { existsSync, readFileSync } from 'node:fs';
import type { Broker } from '../../src/broker';
import type { HandoffClientErrorCode } from '../../src/client';
import { compiled } from '../support/compiled';
import { report } from '../support/report';
import { brokersOfEachTest } from './support/brokersOfEachTest';
import { dial } from './support/echo';
import { readAll } from './support/readAll';
import { fixtureService } from './support/TestBrokers';

const REQUESTS = 1500;
const CONCURRENCY = 24;

describe('a backend that is repeatedly stopped, continued and killed', () => {
  const brokers = brokersOfEachTest();

  it('runs no request twice, and reports each that may be lost', async () => {
    const record = brokers.path('record');
    const broker = await brokers.start({
      ackDeadlineMs: 40,
      // Handoff is to go on, however often it fails.
      policy: { maxFailedAttemptsPerWindow: 1_000_000 },
      services: [
        fixtureService('', {
          module: compiled('test/fixtures/backends/recordingBackend.ts'),
          env: { RECORD: record },
        }),
      ],
    });
    const outcomes = { handedOff: 0, reconnected: 0, lost: 0 };
    const answered = new Set<number>();
    let next = 0;
    let kills = 0;
    let stops = 0;

    const worker = async (): Promise<void> => {
      while (next < REQUESTS) {
        const request = next;
        next += 1;
        if (request % 250 === 125) kills += signal(broker, 'SIGKILL');
        else if (request % 40 === 20) stops += stopThroughDeadline(broker);
        try {
          const { socket, route } = await dial(broker, {
            earlyData: `${request}\n`,
            handoff: request % 7 !== 0,
          });
          expect(String(await readAll(socket))).toBe(`did ${request}\n`);
          answered.add(request);
          outcomes[route] += 1;
        } catch (error) {
          const { code } = error as { code?: HandoffClientErrorCode };
          // Nothing else may come of it: everything that surely hasn't run is tried again unseen.
          if (code !== 'connectionLost') throw error;
          outcomes.lost += 1;
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));

    const runs = new Map<string, number>();
    const lines = existsSync(record) ? readFileSync(record, 'utf8').trimEnd().split('\n') : [];
    for (const line of lines) runs.set(line, (runs.get(line) ?? 0) + 1);
    const stats = broker.stats();
    report(
      `chaos: ${REQUESTS} requests, ${kills} kills, ${stops} stops: ${JSON.stringify(outcomes)}, ` +
        `${stats.reconnected.backendAckTimeout ?? 0} failed handoffs, ${stats.lateAcks} late acks`,
    );
    expect([...runs].filter(([, times]) => times > 1)).toEqual([]);
    for (const request of answered) expect(runs.get(String(request))).toBe(1);
    expect(answered.size + outcomes.lost).toBe(REQUESTS);
    expect(stats.unknownAcks).toBe(0);
  });
});

function signal(broker: Broker, name: NodeJS.Signals): 0 | 1 {
  const pid = broker.backends()[0]?.pid;
  if (pid === undefined) return 0;
  try {
    process.kill(pid, name);
    return 1;
  } catch {
    // It has gone in the meantime.
    return 0;
  }
}

/** Stops the backend, and lets it go on when a deadline has passed or somebody else has ended it. */
function stopThroughDeadline(broker: Broker): 0 | 1 {
  if (broker.backends()[0]?.process !== 'ready' || signal(broker, 'SIGSTOP') === 0) return 0;
  const goOn = (): void => {
    broker.off('transfer', onTransfer);
    broker.off('backendExit', goOn);
    signal(broker, 'SIGCONT');
  };
  const onTransfer = ({ state }: { state: string }): void => {
    if (state === 'failed') goOn();
  };
  broker.on('transfer', onTransfer);
  broker.on('backendExit', goOn);
  return 1;
}
