import { writeFileSync } from 'node:fs';
import { type ConnectOptions, connect } from '../../src/client';
import { monotonicNow } from '../../src/net/monotonicNow';
import type { Frame, FrameOf } from '../../src/protocol/frame';
import { eventually } from '../support/eventually';
import { IndependentClient } from './independentClient';
import { openFds } from './support/openFds';
import { type Answer, Peer } from './support/Peer';
import { TestBrokers } from './support/TestBrokers';

const BACKEND = 'b'.repeat(32);
const LONG_MS = 60_000;

type Options = Partial<Pick<ConnectOptions, 'socketPath' | 'service' | 'brokerWaitMs'>>;
type Opened = { readonly route: string; readonly socket: { destroy(): void } };

const openLibrary = (options: Options & ConnectOptions): Promise<Opened> => connect(options);

function openIndependent(options: Options & ConnectOptions): Promise<Opened> {
  const { socketPath, service, brokerWaitMs = 1000 } = options;
  return new Promise((resolve, reject) => {
    const client = new IndependentClient({
      socketPath,
      service,
      brokerWaitMs,
      onData: () => {},
      onEnd: () => {},
      onReady: () => resolve({ route: client.route, socket: { destroy: () => client.close() } }),
      onError: reject,
    });
  });
}

describe('a client, with any answers of broker and backend', () => {
  let files: TestBrokers;
  let broker: Peer<'hello'>;
  let backend: Peer<'attach'>;
  let fdsBefore: number;

  beforeEach(async () => {
    fdsBefore = openFds();
    files = new TestBrokers();
    broker = new Peer('hello', files.path('broker.sock'));
    backend = new Peer('attach', files.path('backend.sock'));
    for (const peer of [broker, backend]) await peer.listen();
    backend.answer = (_, say) => say({ type: 'ready' });
  });
  afterEach(async () => {
    for (const peer of [broker, backend]) await peer.stop();
    await files.stop();
    await eventually('the descriptors are closed', () => openFds() <= fdsBefore);
  });

  const target = () => ({ backend: BACKEND, endpoint: backend.path, stamp: Math.floor(monotonicNow()) });
  const handoff = (deadlineMs = LONG_MS): FrameOf<'handoff'> => ({
    type: 'handoff',
    ...target(),
    deadlineMs,
  });
  const reconnect = (): Frame => ({ type: 'reconnect', ...target(), reason: 'adoptedBackend' });
  const error = (code: string, retryable: boolean): Frame => ({
    type: 'error',
    code,
    message: '',
    retryable,
  });

  /** The broker's first answer, and then one that leads at once. */
  function answerOnce(answer: Answer<'hello'>): void {
    broker.answer = (frame, say) => {
      broker.answer = (_, sayNext) => sayNext({ type: 'ready' });
      answer(frame, say);
    };
  }

  describe.each([
    ["the library's", openLibrary],
    ["the page's alone", openIndependent],
  ] as const)('%s', (_name, openAt) => {
    const open = (options: Options = {}) => openAt({ socketPath: broker.path, service: 'echo', ...options });
    const isLibrary = openAt === openLibrary;

    it('accepts a ready without a handoff frame, even without knows in the hello', async () => {
      broker.answer = (_, say) => say({ type: 'ready' });
      const { route, socket } = await open();
      socket.destroy();
      expect(route).toBe('handedOff');
      expect(backend.frames).toEqual([]);
    });

    it.each(['ENOENT', 'ECONNREFUSED', 'ENOTDIR'])('gives up on a broker after %s', async (code) => {
      const socketPath = files.path();
      if (code === 'ECONNREFUSED') writeFileSync(socketPath, '');
      const path = code === 'ENOTDIR' ? `${__filename}/broker.sock` : socketPath;
      await expect(open({ socketPath: path, brokerWaitMs: 0 })).rejects.toMatchObject(
        isLibrary ? { code: 'brokerUnavailable', cause: { code } } : { code },
      );
    });

    it('counts deadlineMs from when the handoff frame has come', async () => {
      jest.useFakeTimers({
        doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'hrtime', 'performance'],
      });
      try {
        broker.answer = (_, say) => say({ ...handoff(1000), stamp: Math.floor(monotonicNow()) - 30_000 });
        const opened = open();
        // The bound of the whole, and the deadline.
        while (jest.getTimerCount() < 2) await new Promise(setImmediate);
        jest.advanceTimersByTime(999);
        for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
        expect(backend.frames).toEqual([]);
        jest.advanceTimersByTime(1);
        const { route, socket } = await opened;
        socket.destroy();
        expect(route).toBe('reconnected');
      } finally {
        jest.useRealTimers();
      }
    });

    it.each<[string, Frame['type'] & ('reconnect' | 'error'), boolean]>([
      ['reconnect', 'reconnect', true],
      ['an error', 'error', true],
      ['an error that is no use to repeat', 'error', false],
    ])('at the endpoint already, stays there after %s', async (_, type, retryable) => {
      let sayToClient = (_frame: Frame): void => {};
      broker.answer = (_hello, say) => {
        sayToClient = say;
        say(handoff(1));
      };
      backend.answer = async (_attach, say) => {
        sayToClient(type === 'reconnect' ? reconnect() : error('stopping', retryable));
        await eventually('the first connection is closed', () => broker.open === 0);
        say({ type: 'ready' });
      };
      const { route, socket } = await open();
      expect(route).toBe('reconnected');
      expect([broker.frames.length, backend.frames.length]).toEqual([1, 1]);
      socket.destroy();
    });

    it.each<[string, Frame]>([
      ['an error', error('wrongBackend', true)],
      ['an error that is no use to repeat', error('badFrame', false)],
      ['claimed', { type: 'claimed' }],
    ])('uses the first connection after %s on the second', async (_, answer) => {
      let sayToClient = (_frame: Frame): void => {};
      broker.answer = (_hello, say) => {
        sayToClient = say;
        say(handoff(1));
      };
      backend.answer = async (_attach, say) => {
        say(answer);
        await eventually('the second connection is closed', () => backend.open === 0);
        sayToClient({ type: 'ready' });
      };
      const { route, socket } = await open();
      expect(route).toBe('handedOff');
      expect(broker.frames).toHaveLength(1);
      socket.destroy();
    });

    it.each<[string, Frame]>([
      ['an error', error('wrongBackend', true)],
      ['an error that is no use to repeat', error('badFrame', false)],
      ['claimed', { type: 'claimed' }],
    ])(
      'begins again with a new id when %s closes the second connection after the first',
      async (_, answer) => {
        answerOnce((_hello, say) => say(reconnect()));
        backend.answer = (_attach, say) => say(answer);
        const { route, socket } = await open();
        expect(route).toBe('handedOff');
        expect(new Set(broker.frames.map(({ id }) => id)).size).toBe(2);
        socket.destroy();
      },
    );

    it.each(['first', 'second'])('closes the other connection when ready comes on the %s', async (which) => {
      let sayToClient = (_frame: Frame): void => {};
      broker.answer = (_hello, say) => {
        sayToClient = say;
        say(handoff(1));
      };
      backend.answer = (_attach, say) => {
        if (which === 'first') sayToClient({ type: 'ready' });
        else say({ type: 'ready' });
      };
      const { route, socket } = await open();
      expect(route).toBe(which === 'first' ? 'handedOff' : 'reconnected');
      const [won, other] = which === 'first' ? [broker, backend] : [backend, broker];
      await eventually('the other connection is closed', () => other.open === 0);
      expect(won.open).toBe(1);
      socket.destroy();
    });

    it.each(['handoff', 'reconnect'] as const)(
      'goes to the endpoint when the first connection ends after %s',
      async (type) => {
        broker.answer = (_hello, say) => {
          say(type === 'handoff' ? handoff() : reconnect());
          broker.drop();
        };
        const { route, socket } = await open();
        expect(route).toBe('reconnected');
        expect(broker.frames).toHaveLength(1);
        socket.destroy();
      },
    );

    it('starts another round after an error in place of the announced handoff', async () => {
      answerOnce((_hello, say) => {
        say(handoff());
        say(error('stopping', true));
      });
      const { route, socket } = await open();
      expect(route).toBe('handedOff');
      expect(backend.frames).toEqual([]);
      socket.destroy();
    });

    it.each(['handoff', 'attach', 'claimed', 'identity'] as const)(
      'gives up after a %s frame out of turn',
      async (type) => {
        const { backend: process, stamp } = target();
        const frames: Record<typeof type, Frame> = {
          handoff: handoff(),
          attach: { type: 'attach', id: process, backend: process, stamp },
          claimed: { type: 'claimed' },
          identity: { type: 'identity', backend: process, serviceName: '', serviceVersion: '', pid: 1 },
        };
        broker.answer = (_hello, say) => {
          say(handoff());
          say(frames[type]);
        };
        await expect(open()).rejects.toThrow('out of turn');
        expect(backend.frames).toEqual([]);
      },
    );
  });

  it.each<[string, (ms: number) => number]>([
    ['down', Math.floor],
    ['up', Math.ceil],
    ['not at all', (ms) => ms],
  ])('knows a backend whose stamps are rounded %s', async (_, round) => {
    for (let i = 0; i < 20; i += 1) {
      broker.answer = (_hello, say) => {
        say({ ...handoff(), knows: true, stamp: round(monotonicNow()) });
        say({ type: 'ready' });
      };
      (await openLibrary({ socketPath: broker.path, service: 'echo' })).socket.destroy();
      broker.answer = (_hello, say) => say({ type: 'ready' });
      (await openLibrary({ socketPath: broker.path, service: 'echo' })).socket.destroy();
      expect(broker.frames.pop()).toMatchObject({ knows: { backend: BACKEND } });
      // It forgets what isn't so any more.
      answerOnce((_hello, say) => say(error('staleBackend', true)));
      (await openLibrary({ socketPath: broker.path, service: 'echo' })).socket.destroy();
    }
  });
});
