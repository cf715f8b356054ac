import { RECONNECT_REASONS } from '../../machines';
import type { BackendStatus } from '../../src/broker';
import { type StatusSource, statusFrames } from '../../src/broker/admin/statusFrames';
import { HandoffAttemptInputs, HandoffController } from '../../src/index';
import { FrameReader } from '../../src/protocol/FrameReader';

const COUNT = Number.MAX_SAFE_INTEGER;
const COUNTS = Object.fromEntries(RECONNECT_REASONS.map((reason) => [reason, COUNT]));

function source(names: readonly string[]): StatusSource {
  const controller = new HandoffController();
  return {
    controller,
    instance: 'i'.repeat(10_000),
    backends: () =>
      names.map((serviceName): BackendStatus => {
        const backend = { instance: 'shared', serviceName, serviceVersion: '1.0.0' };
        return {
          backend,
          pid: COUNT,
          process: 'restarting',
          state: 'rateLimited',
          endpoint: '/'.repeat(107),
          adopted: false,
          handoffEnabled: true,
          attempts: COUNT,
          openConnections: COUNT,
          inFlight: COUNT,
          queued: COUNT,
          routes: { handedOff: COUNT, reconnected: COUNTS },
        };
      }),
    explain: (backend) => controller.explain(backend, HandoffAttemptInputs.of(true, false, true)),
    stats: () => ({
      connections: COUNT,
      handedOff: COUNT,
      reconnected: COUNTS,
      abandoned: COUNT,
      clientsLeft: COUNT,
      errors: {},
      lateAcks: COUNT,
      unknownAcks: COUNT,
      replayedAcks: COUNT,
      foreignAcks: COUNT,
      malformedAcks: COUNT,
    }),
  };
}

function read(bytes: Buffer) {
  const reader = new FrameReader();
  reader.push(bytes);
  const frames = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    if (frame.type !== 'statusReply') throw new Error(frame.type);
    frames.push(frame);
  }
  return frames;
}

describe('a status', () => {
  it('takes as many frames as it needs, in order, each within the bound', () => {
    // Names that take as many bytes as a name can.
    const names = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(256, '\u0001'));
    const frames = read(statusFrames(source(names)));
    expect(frames.flatMap(({ backends }) => backends.map(({ service }) => service))).toEqual(names);
    expect(frames.length).toBeGreaterThan(50);
    expect(frames.map(({ last }) => last).lastIndexOf(false)).toBe(frames.length - 2);
    expect(frames.map(({ broker }) => broker !== undefined).lastIndexOf(true)).toBe(0);
  });

  it('of a broker without backends has only the broker', () => {
    expect(read(statusFrames(source([])))).toMatchObject([
      { broker: { pid: process.pid, policy: { maxFailedAttemptsPerWindow: 8 } }, last: false },
      { backends: [], last: true },
    ]);
  });
});
