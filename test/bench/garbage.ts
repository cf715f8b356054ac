import { type HeapProfiler, Session } from 'node:inspector/promises';
import { type HandoffAttemptDecision, HandoffAttemptInputs, HandoffController } from '../../src';
import { section, showCount, showNumber } from './Section';

const ENABLED = HandoffAttemptInputs.enabled();
const DECISIONS = 10_000_000;
const WARM_UP = 100_000;
/** Bytes between two samples of the heap profile. */
const SAMPLING_INTERVAL = 16_384;

interface GarbageRow {
  readonly decision: string;
  readonly decisions: number;
  /** Bytes that one decision allocates. */
  readonly bytesPerDecision: number;
  /** Of all that was allocated, by the function that did. */
  readonly bytesByFunction: Readonly<Record<string, number>>;
}

function addUp(
  node: HeapProfiler.SamplingHeapProfileNode,
  byFunction: Map<string, number>,
): Map<string, number> {
  const bytes = node.selfSize;
  const name = node.callFrame.functionName || '(anonymous)';
  if (bytes > 0) byFunction.set(name, (byFunction.get(name) ?? 0) + bytes);
  for (const child of node.children) addUp(child, byFunction);
  return byFunction;
}

/** A sampling heap profile of many decisions, with what has been collected meanwhile. */
async function profile(
  session: Session,
  decision: string,
  decide: (count: number) => unknown,
): Promise<GarbageRow> {
  decide(WARM_UP);
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: SAMPLING_INTERVAL,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  decide(DECISIONS);
  const { profile: found } = await session.post('HeapProfiler.stopSampling');
  const byFunction = [...addUp(found.head, new Map())].sort(([, a], [, b]) => b - a);
  const bytes = byFunction.reduce((sum, [, one]) => sum + one, 0);
  return {
    decision,
    decisions: DECISIONS,
    bytesPerDecision: bytes / DECISIONS,
    bytesByFunction: Object.fromEntries(byFunction),
  };
}

export const garbage = section<readonly GarbageRow[]>({
  name: 'garbage',
  title: 'Garbage',
  about:
    `A sampling heap profile of ${showCount(DECISIONS)} decisions of each kind, including collected objects. ` +
    'Less than a byte per decision comes from the profiler itself.',

  async run() {
    const session = new Session();
    session.connect();
    const controller = new HandoffController({ policy: { maxFailedAttemptsPerWindow: 1 } });
    controller.recordFailedAttempt('limited', 'backendAckTimeout', 1);
    controller.markAdopted('adopted', 1);
    const clientUnsupported = HandoffAttemptInputs.of(false, true, false);
    // The last answer goes out: the compiler would spare the making of answers that nobody looks at.
    const of = (backend: string, inputs: HandoffAttemptInputs) => (count: number) => {
      let answer: HandoffAttemptDecision | undefined;
      for (let n = 0; n < count; n++) answer = controller.shouldAttempt(backend, inputs, 2);
      return answer;
    };
    const rows = [
      await profile(session, 'attempt', of('healthy', ENABLED)),
      await profile(session, 'fallback: clientUnsupported', of('healthy', clientUnsupported)),
      await profile(session, 'fallback: adoptedBackend', of('adopted', ENABLED)),
      await profile(session, 'fallback: failedAttemptRateLimited', of('limited', ENABLED)),
    ];
    session.disconnect();
    controller.dispose();
    return rows;
  },

  table(rows) {
    return {
      head: ['decision', 'bytes each', 'MB in total', 'largest source'],
      rows: rows.map(({ decision, decisions, bytesPerDecision, bytesByFunction }) => [
        decision,
        showNumber(bytesPerDecision),
        showNumber((bytesPerDecision * decisions) / 1e6),
        Object.keys(bytesByFunction)[0] ?? 'none',
      ]),
    };
  },

  targets(rows) {
    return rows.map(({ decision, bytesPerDecision }) => ({
      what: `garbage per decision: ${decision}`,
      bound: decision.endsWith('RateLimited') ? { atMost: 128 } : { below: 1 },
      unit: 'bytes',
      measured: bytesPerDecision,
    }));
  },
});
