import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { descriptorOf } from '../../src/net/descriptorOf';
import { holdReading } from '../../src/net/holdReading';
import { scmRights } from '../../src/net/scmRights';
import { eventually } from '../support/eventually';
import { describeNeeds } from '../support/itNeeds';

const rights = scmRights();
function hasKoffi(): boolean {
  try {
    return require.resolve('koffi') !== '';
  } catch {
    return false;
  }
}

// Elsewhere there is nothing to test. Whether there are rights is the first thing to be tested.
const onLinux = describeNeeds(
  'Linux on x64, and koffi',
  process.platform === 'linux' && process.arch === 'x64' && hasKoffi(),
);

onLinux('descriptors that are passed over a Unix-domain socket', () => {
  let directory = '';
  let server: Server;
  let near: Socket;
  let far: Socket;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'passed-'));
    const path = join(directory, 'socket');
    const accepted: Socket[] = [];
    server = createServer({ pauseOnConnect: true }, (socket) => accepted.push(socket)).listen(path);
    near = connect({ path });
    near.pause();
    await eventually('the other end', () => accepted[0] !== undefined && !near.connecting);
    far = accepted[0] as Socket;
    for (const socket of [near, far]) {
      socket.on('error', () => {});
      holdReading(socket);
    }
  });
  afterEach(() => {
    near.destroy();
    far.destroy();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  function file(text: string): number {
    const path = join(directory, text);
    writeFileSync(path, text);
    return openSync(path, 'r');
  }

  function textOf(descriptor: number): string {
    const bytes = Buffer.alloc(20);
    return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, 20, 0));
  }

  const ends = (): [number, number] => [descriptorOf(near) ?? -1, descriptorOf(far) ?? -1];

  it('arrive one by one in their order, as descriptors of their own, either way', () => {
    const [a, b] = ends();
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const sent = [file('first'), file('second')] as const;
      for (const descriptor of sent) rights?.send(from, descriptor);
      for (const descriptor of sent) closeSync(descriptor);
      const received = [rights?.receive(to), rights?.receive(to)] as number[];
      expect(received.map(textOf)).toEqual(['first', 'second']);
      expect(rights?.receive(to)).toBe('none');
      for (const descriptor of received) closeSync(descriptor);
    }
  });

  it('are closed in programs that are started from here', () => {
    const [a, b] = ends();
    const sent = file('private');
    rights?.send(a, sent);
    const received = rights?.receive(b) as number;
    const [, flags] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${received}`, 'utf8')) ?? [];
    closeSync(sent);
    closeSync(received);
    // O_CLOEXEC
    expect(Number.parseInt(flags ?? '', 8) & 0o2_000_000).not.toBe(0);
  });

  it('are reported as lost if a byte arrives without one', async () => {
    const [, b] = ends();
    await new Promise((resolve) => near.write('x', resolve));
    expect(rights?.receive(b)).toBe('lost');
    expect(rights?.receive(b)).toBe('none');
  });

  it('that do not exist are refused by the system, and nothing is sent', () => {
    const [a, b] = ends();
    const closed = file('closed');
    closeSync(closed);
    expect(() => rights?.send(a, closed)).toThrow(
      expect.objectContaining({ message: 'sendmsg EBADF', code: 'EBADF', errno: -9, syscall: 'sendmsg' }),
    );
    expect(rights?.receive(b)).toBe('none');
    const good = file('good');
    rights?.send(a, good);
    closeSync(good);
    const received = rights?.receive(b) as number;
    expect(textOf(received)).toBe('good');
    closeSync(received);
  });

  it('are refused if nobody reads any more, or the channel is full', async () => {
    const [a] = ends();
    const descriptor = file('much');
    const sendAll = (): void => {
      for (let i = 0; i < 100_000; i += 1) rights?.send(a, descriptor);
    };
    try {
      expect(sendAll).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(EAGAIN|ETOOMANYREFS)$/) }),
      );
      far.destroy();
      await eventually('the other end to close', () => far.closed);
      expect(sendAll).toThrow(expect.objectContaining({ code: 'EPIPE' }));
    } finally {
      closeSync(descriptor);
    }
  });

  it('are the same on both sides', () => {
    const [a, b] = ends();
    const sent = file('same');
    rights?.send(a, sent);
    const received = rights?.receive(b) as number;
    expect(fstatSync(received).ino).toBe(fstatSync(sent).ino);
    expect(received).not.toBe(sent);
    closeSync(sent);
    closeSync(received);
  });

  it('are passed by one object for the whole process', () => {
    expect(rights).toBeDefined();
    expect(scmRights()).toBe(rights);
  });
});
