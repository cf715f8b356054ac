import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { descriptorOf } from '../../src/net/descriptorOf';
import { holdReading, releaseReading } from '../../src/net/holdReading';
import { lingeringClose } from '../../src/net/lingeringClose';
import { maxSocketPathBytes } from '../../src/net/maxSocketPathBytes';
import { writeThrough } from '../../src/net/writeThrough';

/** A socket of which only its handle, which is private to Node, is looked at. */
function withHandle(handle: unknown): Socket {
  return { _handle: handle } as unknown as Socket;
}

describe('the descriptor of a socket', () => {
  it.each([
    [{ fd: 0 }, 0],
    [{ fd: 7 }, 7],
    [{ fd: -1 }, undefined],
    [{ fd: '7' }, undefined],
    [{}, undefined],
    [null, undefined],
    [undefined, undefined],
  ])('of handle %j is %p', (handle, descriptor) => {
    expect(descriptorOf(withHandle(handle))).toBe(descriptor);
  });
});

describe('reading', () => {
  function createHandle(answer = 0) {
    const calls: string[] = [];
    return {
      calls,
      readStart: () => calls.push('start'),
      readStop: () => {
        calls.push('stop');
        return answer;
      },
    };
  }

  it('is stopped and restarted at the handle', () => {
    const handle = createHandle();
    expect(holdReading(withHandle(handle))).toBe(true);
    expect(handle.calls).toEqual(['stop']);
    releaseReading(withHandle(handle));
    expect(handle.calls).toEqual(['stop', 'start']);
  });

  it('is not stopped where the system refuses it', () => {
    expect(holdReading(withHandle(createHandle(-9)))).toBe(false);
  });

  it.each([
    ['no handle', undefined],
    ['a closed one', null],
    ['one that cannot stop', { ...createHandle(), readStop: undefined }],
    ['one that cannot start', { ...createHandle(), readStart: undefined }],
  ])('of a socket with %s is left as it is', (_, handle) => {
    expect(holdReading(withHandle(handle))).toBe(false);
    releaseReading(withHandle(handle));
    for (const call of (handle as { calls?: string[] } | null | undefined)?.calls ?? [])
      expect(call).toBe('start');
  });
});

describe('writing through', () => {
  function write(state: Partial<Record<'writableLength' | 'errored' | 'destroyed', unknown>>) {
    const answers: (Error | undefined)[] = [];
    let done = (_error?: Error | null): void => {};
    const socket = {
      writableLength: 0,
      errored: null,
      destroyed: false,
      ...state,
      write: (bytes: Buffer, callback: typeof done) => {
        expect(String(bytes)).toBe('bytes');
        done = callback;
      },
    };
    writeThrough(socket as unknown as Socket, Buffer.from('bytes'), (error) => answers.push(error));
    return { answers, done };
  }

  it('calls back at once, and only once, when the kernel has all bytes', () => {
    const { answers, done } = write({});
    expect(answers).toEqual([undefined]);
    done(new Error('later'));
    expect(answers).toEqual([undefined]);
  });

  it.each([{ writableLength: 1 }, { errored: new Error('broken') }, { destroyed: true }])(
    'waits for what becomes of it with %j',
    (state) => {
      const well = write(state);
      expect(well.answers).toEqual([]);
      well.done(null);
      well.done();
      expect(well.answers).toEqual([undefined]);
      const badly = write(state);
      const error = new Error('EPIPE');
      badly.done(error);
      expect(badly.answers).toEqual([error]);
    },
  );
});

describe('the longest path of a socket', () => {
  it.each([
    ['linux', 107],
    ['android', 107],
    ['darwin', 103],
    ['freebsd', 103],
    ['win32', Number.POSITIVE_INFINITY],
  ] as const)('on %s has %p bytes', (platform, bytes) => expect(maxSocketPathBytes(platform)).toBe(bytes));

  it('is this platform\u2019s unless another one is given', () => {
    expect(maxSocketPathBytes()).toBe(maxSocketPathBytes(process.platform));
  });
});

describe('a lingering close', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function end() {
    const calls: string[] = [];
    const note =
      (name: string) =>
      (bytes?: Buffer): number =>
        calls.push(bytes === undefined ? name : `${name} ${bytes}`);
    const socket = Object.assign(new EventEmitter(), {
      resume: note('resume'),
      end: note('end'),
      destroy: note('destroy'),
      _handle: { readStart: note('read'), readStop: () => note('stop')() && 0 },
    });
    lingeringClose(socket as unknown as Socket, Buffer.from('bye'));
    return { calls, socket };
  }

  it('writes its last bytes, and drops what it still reads', () => {
    const { calls, socket } = end();
    expect(calls).toEqual(['read', 'resume', 'end bye']);
    expect(socket.listenerCount('data')).toBe(1);
  });

  it('waits two seconds for the other side', () => {
    const { calls } = end();
    jest.advanceTimersByTime(1_999);
    expect(calls).not.toContain('destroy');
    jest.advanceTimersByTime(1);
    expect(calls.at(-1)).toBe('destroy');
  });

  it('waits for nothing once the other side is gone', () => {
    const { calls, socket } = end();
    socket.emit('close');
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(2_000);
    expect(calls).not.toContain('destroy');
  });

  it('ends with an error', () => {
    const { calls, socket } = end();
    socket.emit('error', new Error('reset'));
    expect(calls.at(-1)).toBe('destroy');
  });

  it('drops up to 256 KiB, then stops reading', () => {
    const { calls, socket } = end();
    socket.emit('data', Buffer.alloc(262_143));
    socket.emit('data', Buffer.alloc(1));
    expect(calls).not.toContain('stop');
    socket.emit('data', Buffer.alloc(1));
    expect(calls.at(-1)).toBe('stop');
  });

  it('keeps no process alive', () => {
    jest.useRealTimers();
    const timers = jest.spyOn(global, 'setTimeout');
    try {
      const { socket } = end();
      expect(timers.mock.results.map(({ value }) => value.hasRef())).toEqual([false]);
      socket.emit('close');
    } finally {
      timers.mockRestore();
    }
  });
});
