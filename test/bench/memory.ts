import { HandoffController } from '../../src';
import { section, showCount, showNumber } from './Section';

const BACKENDS = 1_000_000;

function heapBytes(): number {
  if (global.gc === undefined) throw new Error('Run Node with --expose-gc');
  global.gc();
  return process.memoryUsage().heapUsed;
}

/** Bytes of a backend, its key included. */
interface MemoryData {
  readonly backends: number;
  /** With a counted failure. */
  readonly bytesPerBackend: number;
  /** After a failure and a success, so that there is nothing left to keep. */
  readonly bytesPerIdleBackend: number;
}

export const memory = section<MemoryData>({
  name: 'memory',
  title: 'Memory',
  about: 'Bytes of heap per backend, including its key, after a full collection.',

  async run() {
    const before = heapBytes();
    const controller = new HandoffController({ maxBackends: BACKENDS });
    for (let n = 0; n < BACKENDS; n++) controller.recordFailedAttempt(`service-${n}`, 'backendAckTimeout', 1);
    const failed = heapBytes();
    for (let n = 0; n < BACKENDS; n++) controller.recordSuccess(`service-${n}`, 2);
    const idle = heapBytes();
    controller.dispose();
    return {
      backends: BACKENDS,
      bytesPerBackend: (failed - before) / BACKENDS,
      bytesPerIdleBackend: (idle - before) / BACKENDS,
    };
  },

  table({ backends, bytesPerBackend, bytesPerIdleBackend }) {
    return {
      head: [`${showCount(backends)} backends`, 'bytes each'],
      rows: [
        ['with a counted failure', showNumber(bytesPerBackend)],
        ['after its success', showNumber(bytesPerIdleBackend)],
      ],
    };
  },

  targets({ backends, bytesPerBackend }) {
    return [
      {
        what: `memory per backend with a counted failure, ${showCount(backends)} backends, including keys`,
        bound: { atMost: 250 },
        unit: 'bytes',
        measured: bytesPerBackend,
      },
    ];
  },
});
