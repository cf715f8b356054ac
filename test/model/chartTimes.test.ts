import { createActor, type SnapshotFrom } from 'xstate';
import {
  type BackendLifecycleEvent,
  backendLifecycle,
  type ConnectRoundEvent,
  connectRound,
  type HandoffTransferEvent,
  handoffTransfer,
} from '../../machines';

/** A clock that notes how long it is asked to wait. */
function createClock() {
  const waits: number[] = [];
  return {
    waits,
    clock: { setTimeout: (_: () => void, ms: number) => waits.push(ms), clearTimeout: () => {} },
  };
}

const LIFE = {
  restartDelayMs: 1,
  startTimeoutMs: 20,
  stableAfterMs: 300,
  stopTimeoutMs: 4_000,
  channelDrainMs: 50_000,
};

function live(...events: readonly BackendLifecycleEvent[]): {
  waits: number[];
  last: SnapshotFrom<typeof backendLifecycle>;
} {
  const { waits, clock } = createClock();
  const actor = createActor(backendLifecycle, { input: LIFE, clock }).start();
  for (const event of events) if (actor.getSnapshot().status === 'active') actor.send(event);
  return { waits, last: actor.getSnapshot() };
}

describe("a process's life", () => {
  it('waits as long as its input says', () => {
    expect(live().waits).toEqual([1]);
    expect(live({ type: 'start.asked' }).waits).toEqual([1, 20]);
    expect(live({ type: 'start.asked' }, { type: 'process.listening' }).waits).toEqual([1, 20, 300]);
    const ready: readonly BackendLifecycleEvent[] = [{ type: 'start.asked' }, { type: 'process.listening' }];
    expect(live(...ready, { type: 'retirement.asked', clientGraceMs: 600_000 }).waits).toEqual([
      1, 20, 300, 600_000,
    ]);
    expect(live(...ready, { type: 'stop.asked' }).waits).toEqual([1, 20, 300, 4_000]);
    expect(live({ type: 'start.asked' }, { type: 'process.exited', isChannelOpen: true }).waits).toContain(
      50_000,
    );
  });

  it.each<[string, readonly BackendLifecycleEvent[]]>([
    ['it is stopped', [{ type: 'start.asked' }, { type: 'process.listening' }, { type: 'stop.asked' }]],
    ['it is killed', [{ type: 'start.asked' }, { type: 'kill.asked' }]],
    [
      'it is replaced',
      [{ type: 'start.asked' }, { type: 'process.listening' }, { type: 'replacement.asked' }],
    ],
    ['it ends by itself', [{ type: 'start.asked' }]],
  ])('is done when %s and the process and its channel are gone', (_, events) => {
    const { last } = live(
      ...events,
      { type: 'process.exited', isChannelOpen: false },
      { type: 'channel.closed' },
    );
    expect(last.status).toBe('done');
  });

  it('is done when another broker adopts it', () => {
    expect(live({ type: 'process.found' }, { type: 'leave.asked' }).last.status).toBe('done');
  });
});

describe('a round', () => {
  it('waits as long as the frame says', () => {
    const { waits, clock } = createClock();
    const actor = createActor(connectRound, { clock }).start();
    const events: readonly ConnectRoundEvent[] = [
      { type: 'round.started', clientKnows: true, deadlineMs: 777 } as ConnectRoundEvent,
    ];
    for (const event of events) actor.send(event);
    expect(waits).toEqual([777]);
  });
});

describe('a transfer', () => {
  it.each<[string, readonly HandoffTransferEvent[]]>([
    ['acknowledged', [{ type: 'answer.acknowledged' }]],
    ['failed', [{ type: 'answer.malformed' }]],
    ['abandoned', [{ type: 'answer.refused', code: 'busy' }]],
  ])('that is %s is over when its copy is out of the channel too', (_, ends) => {
    const actor = createActor(handoffTransfer, {
      input: { ackDeadlineMs: 1_000 },
      clock: createClock().clock,
    }).start();
    actor.send({ type: 'turn.came', clientKnows: true, hasReadTooFar: false });
    for (const event of ends) actor.send(event);
    actor.send({ type: 'send.done' });
    expect(actor.getSnapshot().status).toBe('done');
  });

  it.each<[string, readonly HandoffTransferEvent[]]>([
    ['acknowledged', [{ type: 'send.done' }, { type: 'answer.acknowledged' }]],
    ['given back', [{ type: 'send.done' }, { type: 'answer.refused', code: 'busy' }]],
    ['lost', [{ type: 'send.done' }, { type: 'channel.closed' }]],
  ])('that is %s after its copy was sent is over at once', (_, events) => {
    const actor = createActor(handoffTransfer, {
      input: { ackDeadlineMs: 1_000 },
      clock: createClock().clock,
    }).start();
    actor.send({ type: 'turn.came', clientKnows: true, hasReadTooFar: false });
    for (const event of events) actor.send(event);
    expect(actor.getSnapshot().status).toBe('done');
  });
});
