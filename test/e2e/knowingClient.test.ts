import type { ConnectOptions } from '../../src/client';
import { monotonicNow } from '../../src/net/monotonicNow';
import type { Frame, FrameOf } from '../../src/protocol/frame';
import { eventually } from '../support/eventually';
import { dial } from './support/echo';
import { openFds } from './support/openFds';
import { type Answer, Peer } from './support/Peer';
import { TestBrokers } from './support/TestBrokers';

const BACKEND = 'b'.repeat(32);
const OTHER_BACKEND = 'c'.repeat(32);
const LONG_MS = 60_000;

describe('a client that knows a backend, with any answer', () => {
  let files: TestBrokers;
  let broker: Peer<'hello'>;
  let backend: Peer<'attach'>;
  let other: Peer<'attach'>;
  let fdsBefore: number;

  beforeEach(async () => {
    fdsBefore = openFds();
    files = new TestBrokers();
    broker = new Peer('hello', files.path('broker.sock'));
    backend = new Peer('attach', files.path('backend.sock'));
    other = new Peer('attach', files.path('other.sock'));
    for (const peer of [broker, backend, other]) await peer.listen();
    for (const peer of [backend, other]) peer.answer = (_, say) => say({ type: 'ready' });
  });
  afterEach(async () => {
    for (const peer of [broker, backend, other]) await peer.stop();
    await files.stop();
    await eventually('no more descriptors to be open than before', () => openFds() <= fdsBefore);
  });

  const announcement = (changes: Partial<FrameOf<'handoff'>> = {}): FrameOf<'handoff'> => ({
    type: 'handoff',
    backend: BACKEND,
    endpoint: backend.path,
    stamp: monotonicNow(),
    deadlineMs: LONG_MS,
    knows: true,
    ...changes,
  });
  const error = (code: string, retryable = true): Frame => ({ type: 'error', code, message: '', retryable });
  const handOver: Answer<'hello'> = (_, say) => {
    say(announcement());
    say({ type: 'ready' });
  };

  async function open(options: Partial<ConnectOptions> = {}) {
    const connection = await dial({ socketPath: broker.path }, options);
    connection.socket.destroy();
    return connection;
  }

  /** Connects once, so that the client knows the backend; the next hello is the first in `frames`. */
  async function learn(changes: Partial<FrameOf<'handoff'>> = {}): Promise<void> {
    broker.answer = (_, say) => {
      say(announcement(changes));
      say({ type: 'ready' });
    };
    expect(await open()).toMatchObject({ route: 'handedOff' });
    broker.frames.length = 0;
  }

  /** The broker's first answer, and then the one that it gives to who knows nothing. */
  function answerOnce(answer: Answer<'hello'>): void {
    broker.answer = (frame, say) => {
      broker.answer = handOver;
      answer(frame, say);
    };
  }

  const knowing = (): boolean[] => broker.frames.map(({ knows }) => knows !== undefined);

  it('starts another round at once if its knowledge is stale', async () => {
    await learn();
    answerOnce((_, say) => say(error('staleBackend')));
    // No timer runs out any more: there is nothing that a pause could wait for.
    jest.useFakeTimers({
      doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'hrtime', 'performance'],
    });
    try {
      expect(await open()).toMatchObject({ route: 'handedOff' });
    } finally {
      jest.useRealTimers();
    }
    expect(knowing()).toEqual([true, false]);
    expect(broker.frames[1]?.id).not.toBe(broker.frames[0]?.id);
    // It has learnt anew.
    await open();
    expect(knowing()).toEqual([true, false, true]);
  });

  it('pauses as usual if a client without knowledge gets staleBackend', async () => {
    let answers = 0;
    broker.answer = (frame, say) => {
      answers += 1;
      if (answers < 3) say(error('staleBackend'));
      else handOver(frame, say);
    };
    expect(await open()).toMatchObject({ route: 'handedOff' });
    expect(knowing()).toEqual([false, false, false]);
  });

  it.each([
    ['does not read it', { knows: undefined }],
    ['says it does not', { knows: false }],
    ['has another clock, slow', { stamp: 0 }],
    ['has another clock, fast', { stamp: 1e15 }],
  ])('sends no knows to a broker that %s', async (_, changes) => {
    await learn(changes);
    await open();
    expect(knowing()).toEqual([false]);
  });

  it('sends no knows without a ready before, or without handoff', async () => {
    answerOnce((_, say) => {
      say(announcement());
      say(error('stopping'));
    });
    await open();
    expect(knowing()).toEqual([false, false]);
    broker.answer = (_, say) => say({ ...announcement(), type: 'reconnect', reason: 'clientUnsupported' });
    await open({ handoff: false });
    expect(knowing()).toEqual([false, false, false]);
  });

  it('uses the endpoint at its deadline, with its own stamp, and forgets the backend', async () => {
    await learn({ deadlineMs: 1 });
    answerOnce(() => {});
    expect(await open()).toMatchObject({ route: 'reconnected', reason: 'backendAckTimeout' });
    const [hello] = broker.frames;
    expect(backend.frames).toMatchObject([{ id: hello?.id, backend: BACKEND, stamp: hello?.knows?.stamp }]);
    await open();
    expect(knowing()).toEqual([true, false]);
  });

  it.each([
    ['staleBackend', true],
    ['busy', true],
    ['badFrame', false],
  ])('that is at the endpoint stays there, though the broker answers %s', async (code, retryable) => {
    await learn({ deadlineMs: 1 });
    let sayToClient = (_frame: Frame): void => {};
    answerOnce((_, say) => {
      sayToClient = say;
    });
    backend.answer = (_, say) => {
      sayToClient(error(code, retryable));
      // The broker's word is there before the backend's.
      setImmediate(() => setImmediate(() => say({ type: 'ready' })));
    };
    expect(await open()).toMatchObject({ route: 'reconnected' });
    expect({ hellos: broker.frames.length, attaches: backend.frames.length }).toEqual({
      hellos: 1,
      attaches: 1,
    });
  });

  it('starts another round when both routes are closed', async () => {
    await learn({ deadlineMs: 1 });
    let sayToClient = (_frame: Frame): void => {};
    answerOnce((_, say) => {
      sayToClient = say;
    });
    backend.answer = (_, say) => {
      say(error('wrongBackend'));
      setImmediate(() => sayToClient(error('staleBackend')));
    };
    expect(await open()).toMatchObject({ route: 'handedOff' });
    expect(knowing()).toEqual([true, false]);
  });

  it('uses the first connection if the backend already has it', async () => {
    await learn({ deadlineMs: 1 });
    let sayToClient = (_frame: Frame): void => {};
    answerOnce((_, say) => {
      sayToClient = say;
    });
    backend.answer = (_, say) => {
      say({ type: 'claimed' });
      setImmediate(() => sayToClient({ type: 'ready' }));
    };
    expect(await open()).toMatchObject({ route: 'handedOff' });
  });

  it('uses the endpoint when the first connection ends without an answer', async () => {
    await learn();
    answerOnce(() => broker.drop());
    expect(await open()).toMatchObject({ route: 'reconnected', reason: 'backendAckTimeout' });
    expect(broker.frames).toHaveLength(1);
  });

  it('asks the broker again when the endpoint is closed as well', async () => {
    await learn({ endpoint: files.path('nobody.sock') });
    answerOnce(() => broker.drop());
    expect(await open()).toMatchObject({ route: 'handedOff' });
    expect(knowing()).toEqual([true, false]);
  });

  it('uses no backend if there is no broker to ask', async () => {
    await learn();
    await broker.stop();
    await expect(open({ brokerWaitMs: 0 })).rejects.toMatchObject({ code: 'brokerUnavailable' });
    expect(backend.frames).toEqual([]);
    await broker.listen();
  });

  it.each(['handoff', 'reconnect'] as const)(
    'follows a broker that knows better, as long as it has gone nowhere (%s)',
    async (type) => {
      await learn();
      const target = { backend: OTHER_BACKEND, endpoint: other.path, stamp: 7 };
      answerOnce((_, say) => {
        if (type === 'handoff') say(announcement({ ...target, deadlineMs: 1 }));
        else say({ type, reason: 'adoptedBackend', ...target });
      });
      expect(await open()).toMatchObject({ route: 'reconnected' });
      expect(backend.frames).toEqual([]);
      expect(other.frames).toMatchObject([{ id: broker.frames[0]?.id, backend: OTHER_BACKEND, stamp: 7 }]);
      await open();
      expect(knowing()).toEqual([true, false]);
    },
  );

  it.each(['handoff', 'reconnect'] as const)(
    'breaks off when it is led to two backends (%s)',
    async (type) => {
      await learn({ deadlineMs: 1 });
      let sayToClient = (_frame: Frame): void => {};
      answerOnce((_, say) => {
        sayToClient = say;
      });
      const target = { backend: OTHER_BACKEND, endpoint: other.path };
      backend.answer = () => {
        if (type === 'handoff') sayToClient(announcement(target));
        else sayToClient({ type, reason: 'adoptedBackend', stamp: 7, ...target });
      };
      await expect(open()).rejects.toMatchObject({ code: 'protocolError' });
      expect(other.frames).toEqual([]);
    },
  );

  it('accepts an announcement of the backend that it is attaching to', async () => {
    await learn({ deadlineMs: 1 });
    let sayToClient = (_frame: Frame): void => {};
    answerOnce((_, say) => {
      sayToClient = say;
    });
    backend.answer = (attach, say) => {
      sayToClient(announcement({ stamp: attach.stamp, deadlineMs: 1 }));
      say({ type: 'claimed' });
      setImmediate(() => sayToClient({ type: 'ready' }));
    };
    expect(await open()).toMatchObject({ route: 'handedOff' });
    expect(backend.frames).toHaveLength(1);
  });
});
