import type { Socket } from 'node:net';
import { createActor, type EventObject } from 'xstate';
import { type HandoffTransferEmitted, type HandoffTransferEvent, handoffTransfer } from '../../machines';
import type { HandoffChannel } from '../../src/broker';
import { Transfer } from '../../src/broker/transfers/Transfer';
import { report } from '../support/report';
import { ChartCoverage } from './ChartCoverage';
import { type ChartPath, describeChartPath } from './chartGraph';
import { DEADLINE_EVENT, type TransferHappening, TransferModel } from './TransferModel';
import { anyTransferGraph, realTransferGraph, type TransferWorld } from './transferGraph';

const DEADLINE_MS = 1000;
const MAX_STEPS = 6;

const coverage = new ChartCoverage(handoffTransfer);

function at<World>(path: ChartPath<World>, event: EventObject, check: () => void): void {
  try {
    check();
  } catch (cause) {
    throw new Error(`At ${JSON.stringify(event)} of the path ${describeChartPath(path)}: ${cause}`, {
      cause,
    });
  }
}

/** The chart itself along a path, against the model. */
function runChart<World>(path: ChartPath<World>): void {
  const actor = createActor(handoffTransfer, {
    input: { ackDeadlineMs: DEADLINE_MS },
    clock: { setTimeout: () => 0, clearTimeout: () => {} },
    inspect: coverage.inspect,
  });
  const told: HandoffTransferEmitted[] = [];
  actor.on('*', (emitted) => told.push(emitted));
  actor.start();
  const model = new TransferModel();
  for (const { event } of path) {
    at(path, event, () => {
      const expected = model.take(event as TransferHappening);
      if (actor.getSnapshot().status !== 'done') actor.send(event as HandoffTransferEvent);
      expect(told.splice(0)).toEqual(expected);
      const { attempt } = actor.getSnapshot().value;
      expect(typeof attempt === 'string' ? attempt : attempt.pending).toBe(model.state);
    });
  }
  actor.stop();
}

/** A real `Transfer`, whose socket, channel and clock are in the test's hands. */
function runTransfer(path: ChartPath<TransferWorld>): void {
  const told: HandoffTransferEmitted[] = [];
  let onWritten = (_error?: Error): void => {};
  let onSent = (_error: Error | null): void => {};
  const socket = {
    bytesRead: 0,
    // As if the kernel's buffer were full: the write calls back later.
    writableLength: 1,
    errored: null,
    destroyed: false,
    destroy: () => told.push({ type: 'close' }),
    write(_bytes: Buffer, callback: (error?: Error) => void) {
      told.push({ type: 'announce' });
      onWritten = callback;
    },
  };
  const channel: HandoffChannel = {
    capacity: 1,
    send(_message, _socket, callback) {
      told.push({ type: 'send' });
      onSent = callback;
    },
    sync() {},
    drain() {},
    close() {},
  };
  const turn = path.map(({ event }) => event as TransferHappening).find(({ type }) => type === 'turn.came');
  const transfer = new Transfer({
    socket: socket as unknown as Socket,
    connectionId: 'a'.repeat(32),
    issuedAt: 1,
    clientKnows: turn?.type === 'turn.came' && turn.clientKnows,
    earlyData: Buffer.alloc(0),
    backend: 'b'.repeat(32),
    endpoint: '/endpoint',
    deadlineMs: DEADLINE_MS,
    inspect: coverage.inspect,
    onState: () => {},
    onOutcome: (outcome) => told.push({ type: 'ended', outcome }),
  });
  const fail = (code: string): Error => Object.assign(new Error('as asked for'), { code });
  const drive = (event: TransferHappening): void => {
    switch (event.type) {
      case 'turn.came':
        if (event.clientKnows && event.hasReadTooFar) socket.bytesRead += 1;
        transfer.begin(channel, () => {});
        return;
      case 'announcement.written':
        if (event.hasReadTooFar) socket.bytesRead += 1;
        onWritten();
        return;
      case 'announcement.failed':
        onWritten(fail('EPIPE'));
        return;
      case 'send.done':
        onSent(null);
        return;
      case 'send.failed':
        onSent(fail({ denied: 'EPERM', outOfDescriptors: 'EMFILE', other: 'EPIPE' }[event.cause]));
        return;
      case 'answer.acknowledged':
        transfer.acknowledge();
        return;
      case 'answer.refused':
        transfer.refuse(event.code);
        return;
      case 'answer.malformed':
        transfer.distrust();
        return;
      case 'channel.closed':
        transfer.loseChannel();
        return;
      case DEADLINE_EVENT:
        jest.advanceTimersByTime(DEADLINE_MS);
        return;
    }
  };
  const model = new TransferModel();
  for (const { event } of path) {
    at(path, event, () => {
      const expected = model.take(event as TransferHappening);
      drive(event as TransferHappening);
      expect(told.splice(0)).toEqual(expected);
      expect({ state: transfer.state, isOver: transfer.isOver }).toEqual({
        state: model.state,
        isOver: model.isOver,
      });
    });
  }
  if (!transfer.isOver) transfer.loseChannel();
}

describe('every generated path of a transfer, against the reference model', () => {
  beforeAll(() => jest.useFakeTimers());
  afterAll(() => jest.useRealTimers());

  function runAll<World>(
    paths: readonly ChartPath<World>[],
    run: (path: ChartPath<World>) => void,
    name: string,
  ): void {
    let steps = 0;
    for (const path of paths) {
      run(path);
      steps += path.length;
    }
    report(`transfer paths, ${name}: ${paths.length} paths, ${steps} steps, 0 wrong`);
  }

  it('is followed by the chart: every edge, and any event at any time', () => {
    runAll(anyTransferGraph.edgePaths(), runChart, 'chart, every edge');
  });

  it('is followed by a transfer: every edge', () => {
    runAll(realTransferGraph.edgePaths(), runTransfer, 'transfer, every edge');
  });

  it(`is followed by a transfer: every sequence of up to ${MAX_STEPS} steps`, () => {
    runAll(realTransferGraph.walks(MAX_STEPS), runTransfer, `transfer, up to ${MAX_STEPS} steps`);
  });

  it('covers the chart: states, transitions, and both outcomes of each guard', () => {
    report(`chart coverage, handoffTransfer: ${coverage}`);
    expect(coverage.states.missing).toEqual([]);
    expect(coverage.transitions.missing).toEqual([]);
    expect(coverage.guardOutcomes.missing).toEqual([]);
  });
});
