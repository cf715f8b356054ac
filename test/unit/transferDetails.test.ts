import type { Socket } from 'node:net';
import type { InspectionEvent } from 'xstate';
import type { HandoffChannel } from '../../src/broker/channels/HandoffChannel';
import { Transfer, type TransferOptions } from '../../src/broker/transfers/Transfer';
import { TransferQueue } from '../../src/broker/transfers/TransferQueue';
import { TransferTokens } from '../../src/broker/transfers/TransferTokens';
import { FrameReader } from '../../src/protocol/FrameReader';

const ID = 'a'.repeat(32);

/** A transfer whose socket and channel are in the test's hands, with what it tells. */
function create(options: Partial<TransferOptions> = {}, send?: HandoffChannel['send']) {
  const told: unknown[][] = [];
  const sent: unknown[] = [];
  const socket = {
    bytesRead: 0,
    writableLength: 1,
    errored: null,
    destroyed: false,
    written: Buffer.alloc(0) as Buffer,
    onWritten: (_error?: Error): void => {},
    closes: 0,
    destroy() {
      this.closes += 1;
    },
    write(bytes: Buffer, callback: (error?: Error) => void) {
      this.written = bytes;
      this.onWritten = callback;
    },
  };
  let onSent = (_error: Error | null): void => {};
  const channel: HandoffChannel = {
    capacity: 1,
    send:
      send ??
      ((message, _socket, callback) => {
        sent.push(message);
        onSent = callback;
      }),
    sync: () => {},
    drain: () => {},
    close: () => {},
  };
  const transfer: Transfer = new Transfer({
    socket: socket as unknown as Socket,
    connectionId: ID,
    issuedAt: 5,
    clientKnows: true,
    earlyData: Buffer.from('early'),
    traceparent: 'trace',
    backend: 'b'.repeat(32),
    endpoint: '/endpoint',
    deadlineMs: 1_000,
    onState: (...args) => told.push(['state', ...args]),
    onOutcome: (outcome) => told.push(['outcome', outcome]),
    ...options,
  });
  const begin = (): void => transfer.begin(channel, () => told.push(['unsent']));
  return { told, sent, socket, transfer, begin, answerSend: (error: Error | null) => onSent(error) };
}

const coded = (code: string): Error => Object.assign(new Error(code), { code });

describe('a transfer', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('reports each state once, with the failure if it failed', () => {
    const { told, transfer, begin, answerSend } = create();
    begin();
    answerSend(null);
    transfer.refuse('permission');
    transfer.acknowledge();
    transfer.loseChannel();
    expect(told).toEqual([
      ['state', 'issued'],
      ['state', 'sent', undefined],
      ['state', 'failed', 'permissionDenied'],
      ['outcome', { type: 'failed', failure: 'permissionDenied', mayWrite: true }],
    ]);
    expect(jest.getTimerCount()).toBe(0);
    const busy = create();
    busy.begin();
    busy.transfer.refuse('busy');
    expect(busy.told).toContainEqual(['state', 'abandoned', undefined]);
  });

  it.each<[string, (made: ReturnType<typeof create>) => void, number]>([
    ['was acknowledged', ({ transfer }) => transfer.acknowledge(), 1],
    ['was refused, so that its owner may answer', ({ transfer }) => transfer.refuse('busy'), 0],
    ['lost its channel', ({ transfer }) => transfer.loseChannel(), 1],
  ])('that %s closes its copy once the channel has it, or leaves it open', (_, end, closes) => {
    const made = create();
    made.begin();
    end(made);
    made.answerSend(null);
    expect(made.socket.closes).toBe(closes);
  });

  it('sends the fields of a handoff, with a unique token', () => {
    const { sent, transfer, begin } = create();
    begin();
    expect(sent).toEqual([
      {
        handoffController: 1,
        type: 'handoff',
        token: transfer.token,
        id: ID,
        stamp: 5,
        earlyData: Buffer.from('early'),
        traceparent: 'trace',
      },
    ]);
    expect(transfer.token).toMatch(/^[0-9a-f]{32}$/);
    expect(transfer.hasToken(transfer.token)).toBe(true);
    for (const other of ['', 'ab', `${transfer.token}00`, 'f'.repeat(32)])
      expect(transfer.hasToken(other)).toBe(false);
  });

  it.each([
    [1_000, 0, 1_000],
    [1_000, 400, 600],
    [999.5, 0, 1_000],
    [100_000, 0, 60_000],
  ])('with a deadline of %p ms announces after %p ms that %p are left', (deadlineMs, passedMs, left) => {
    const { socket, begin } = create({ clientKnows: false, deadlineMs });
    jest.advanceTimersByTime(passedMs);
    begin();
    const reader = new FrameReader();
    reader.push(socket.written);
    expect(reader.next()).toEqual({
      type: 'handoff',
      backend: 'b'.repeat(32),
      endpoint: '/endpoint',
      stamp: 5,
      deadlineMs: left,
      knows: true,
    });
  });

  it('announces at least 1 ms if its deadline has passed before the timer fired', () => {
    const { socket, begin } = create({ clientKnows: false, deadlineMs: 10 });
    const clock = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 5_000);
    begin();
    clock.mockRestore();
    const reader = new FrameReader();
    reader.push(socket.written);
    expect(reader.next()).toMatchObject({ deadlineMs: 1 });
  });

  it.each([
    ['EACCES', { type: 'failed', failure: 'permissionDenied', mayWrite: true }],
    ['EPERM', { type: 'failed', failure: 'permissionDenied', mayWrite: true }],
    ['EMFILE', { type: 'abandoned', cause: 'outOfDescriptors', mayWrite: true }],
    ['ENFILE', { type: 'abandoned', cause: 'outOfDescriptors', mayWrite: true }],
    ['EPIPE', { type: 'failed', failure: 'backendAckTimeout', mayWrite: false }],
  ])('whose send ends with %s frees its place', (code, outcome) => {
    const late = create();
    late.begin();
    late.answerSend(coded(code));
    late.answerSend(null);
    const thrown = create({}, () => {
      throw coded(code);
    });
    thrown.begin();
    for (const { told } of [late, thrown]) {
      expect(told.filter(([what]) => what === 'outcome')).toEqual([
        ['outcome', expect.objectContaining(outcome)],
      ]);
      expect(told.flat()).toContain('unsent');
    }
  });

  it('uses only the first callback of the channel for a send', () => {
    const { told, transfer, begin, answerSend } = create();
    begin();
    answerSend(null);
    answerSend(coded('EPERM'));
    expect(transfer.state).toBe('sent');
    expect(told.flat()).not.toContain('unsent');
  });

  it('that has read too far frees its place', () => {
    const { told, sent, socket, begin } = create();
    socket.bytesRead = 1;
    begin();
    expect(sent).toEqual([]);
    expect(told.flat()).toContain('unsent');
  });

  it.each([
    ['fails', (socket: ReturnType<typeof create>['socket']) => socket.onWritten(coded('EPIPE'))],
    [
      'comes when it has read too far',
      (socket: ReturnType<typeof create>['socket']) => {
        socket.bytesRead = 1;
        socket.onWritten();
      },
    ],
    [
      'comes when its deadline has passed',
      (socket: ReturnType<typeof create>['socket']) => {
        jest.advanceTimersByTime(1_000);
        socket.onWritten();
      },
    ],
  ])('whose announcement %s frees its place', (_, end) => {
    const { told, sent, socket, begin } = create({ clientKnows: false });
    begin();
    expect(told.flat()).not.toContain('unsent');
    end(socket);
    expect(sent).toEqual([]);
    expect(told.flat()).toContain('unsent');
  });

  it('whose announcement is written sends, and keeps its place', () => {
    const { told, sent, socket, begin } = create({ clientKnows: false });
    begin();
    socket.onWritten();
    expect(sent).toHaveLength(1);
    expect(told.flat()).not.toContain('unsent');
  });

  it('that a callback ends before the send is not sent', () => {
    const told: string[] = [];
    const made = create({
      onState: (state) => {
        told.push(state);
        if (state === 'sent') made.transfer.loseChannel();
      },
    });
    made.begin();
    expect(made.sent).toEqual([]);
    expect(told).toEqual(['issued', 'sent', 'failed']);
    expect(made.told.flat()).toContain('unsent');
  });

  it('is visible to observers, with its connection\u2019s id', () => {
    const events: InspectionEvent[] = [];
    const { transfer, begin, answerSend } = create({ inspect: (event) => events.push(event) });
    begin();
    answerSend(null);
    transfer.acknowledge();
    const told = events.flatMap((event) => (event.type === '@xstate.event' ? [event.event.type] : []));
    expect(told.filter((type) => !type.startsWith('xstate.'))).toEqual([
      'turn.came',
      'send.done',
      'answer.acknowledged',
    ]);
    const last = events.at(-1);
    expect(last).toMatchObject({ actorRef: { id: `transfer ${ID}` } });
    expect(last?.type === '@xstate.snapshot' && last.snapshot).toMatchObject({
      context: { ackDeadlineMs: 1_000 },
    });
  });

  it('keeps no process alive', () => {
    jest.useRealTimers();
    const timers = jest.spyOn(global, 'setTimeout');
    const { transfer } = create();
    expect(timers.mock.results.map(({ value }) => value.hasRef())).toEqual([false]);
    timers.mockRestore();
    transfer.loseChannel();
  });
});

const NO_CHANNEL: HandoffChannel = {
  capacity: 0,
  send: () => {},
  sync: () => {},
  drain: () => {},
  close: () => {},
};

describe('the transfers to a backend', () => {
  it('go on with the next when one can not be sent', () => {
    const channel: HandoffChannel = { ...NO_CHANNEL, capacity: 1 };
    const queue = new TransferQueue(channel, new TransferTokens(), () => {});
    const first = create();
    const second = create();
    first.socket.bytesRead = 1;
    queue.add(first.transfer);
    queue.add(second.transfer);
    expect([first.transfer.state, second.transfer.state]).toEqual(['abandoned', 'sent']);
    expect(queue.size).toBe(1);
    queue.close();
    queue.close();
    expect([queue.size, second.transfer.state]).toEqual([0, 'failed']);
  });

  it('that are no more than announced or waiting end where nothing can be sent any more', () => {
    const channel: HandoffChannel = { ...NO_CHANNEL, capacity: 2 };
    const queue = new TransferQueue(channel, new TransferTokens(), () => {});
    const [sent, announced, waiting] = [create(), create({ clientKnows: false }), create()];
    for (const { transfer } of [sent, announced, waiting]) queue.add(transfer);
    expect([sent, announced, waiting].map(({ transfer }) => transfer.state)).toEqual([
      'sent',
      'announced',
      'issued',
    ]);
    queue.stopSending();
    expect([sent, announced, waiting].map(({ transfer }) => transfer.state)).toEqual([
      'sent',
      'failed',
      'failed',
    ]);
    expect(queue.size).toBe(1);
    queue.receive({ handoffController: 1, type: 'ack', token: sent.transfer.token });
    expect([sent.transfer.state, queue.size]).toEqual(['acknowledged', 0]);
    queue.close();
  });

  it('that have ended count one late answer, and only an acknowledgement', () => {
    jest.useFakeTimers();
    try {
      const refused: string[] = [];
      const channel: HandoffChannel = { ...NO_CHANNEL, capacity: 1 };
      const queue = new TransferQueue(channel, new TransferTokens(), (why) => refused.push(why));
      for (const [type, told] of [
        ['ack', ['late', 'replayed']],
        ['refuse', ['replayed']],
      ] as const) {
        const { transfer } = create();
        queue.add(transfer);
        jest.advanceTimersByTime(1_000);
        const base = { handoffController: 1, token: transfer.token } as const;
        queue.receive({ ...base, type: 'synced' });
        // The backend says something about it all the same, and says it again.
        for (let i = 0; i < 2; i += 1) {
          queue.receive(type === 'ack' ? { ...base, type } : { ...base, type, code: 'expired' });
        }
        expect(refused.splice(0)).toEqual(told);
      }
      queue.close();
    } finally {
      jest.useRealTimers();
    }
  });
});
