import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import type { HandoffChannelListener } from '../../src/broker';
import { ProcessChannel } from '../../src/broker/channels/ProcessChannel';

const TOKEN = '0'.repeat(32);
const ack = { handoffController: 1, type: 'ack', token: TOKEN } as const;
const listening = { handoffController: 1, type: 'listening' } as const;
const DRAIN_MS = 500;

/** A channel to a process that the test plays, over a transport with answers of its own, or without. */
function open({ hasAnswers }: { readonly hasAnswers: boolean }) {
  const child = Object.assign(new EventEmitter(), { connected: true });
  const told: unknown[] = [];
  const opened: HandoffChannelListener[] = [];
  const channel = new ProcessChannel(
    child as unknown as ChildProcess,
    {
      supported: true,
      open: (_child, listener) => {
        opened.push(listener);
        return {
          capacity: 3,
          isOpen: hasAnswers,
          send: (_message, _socket, callback) => callback(null),
          sync: () => {},
        };
      },
    },
    {
      onListening: () => told.push('listening'),
      onAnswer: (answer) => told.push(answer),
      onCut: () => told.push('cut'),
      onClosed: () => told.push('closed'),
    },
  );
  return { child, channel, told, opened };
}

describe('the channel to a process', () => {
  beforeAll(() => jest.useFakeTimers());
  afterAll(() => jest.useRealTimers());

  it("opens the transport's channel once, however often the process says that it listens", () => {
    const { child, channel, told, opened } = open({ hasAnswers: true });
    expect(channel.capacity).toBe(1);
    child.emit('message', listening);
    child.emit('message', listening);
    expect(opened).toHaveLength(1);
    expect(told).toEqual(['listening']);
    expect(channel.capacity).toBe(3);
  });

  it("takes answers either way, before it listens too, and leaves the application's messages alone", () => {
    const { child, told, opened } = open({ hasAnswers: true });
    child.emit('message', ack);
    child.emit('message', { type: 'ack', token: TOKEN });
    child.emit('message', { ...ack, token: 'not a token' });
    child.emit('message', listening);
    opened[0]?.onAnswer(ack);
    expect(told).toEqual([ack, 'malformed', 'listening', ack]);
  });

  it("is closed when both are read to their end, Node's first", () => {
    const { child, channel, told, opened } = open({ hasAnswers: true });
    child.emit('message', listening);
    child.emit('disconnect');
    expect(channel.isOpen).toBe(true);
    opened[0]?.onAnswer(ack);
    opened[0]?.onClosed();
    expect(channel.isOpen).toBe(false);
    opened[0]?.onAnswer(ack);
    opened[0]?.onClosed();
    jest.advanceTimersByTime(2 * DRAIN_MS);
    expect(told).toEqual(['listening', 'cut', ack, 'closed']);
  });

  it("is closed when both are read to their end, the transport's first", () => {
    const { child, channel, told, opened } = open({ hasAnswers: true });
    child.emit('message', listening);
    opened[0]?.onClosed();
    child.emit('message', ack);
    expect(channel.isOpen).toBe(true);
    child.emit('disconnect');
    expect(told).toEqual(['listening', ack, 'cut', 'closed']);
  });

  it('waits for what is unread no longer than half a second', () => {
    const { child, channel, told } = open({ hasAnswers: true });
    child.emit('message', listening);
    child.emit('disconnect');
    jest.advanceTimersByTime(DRAIN_MS - 1);
    expect(channel.isOpen).toBe(true);
    jest.advanceTimersByTime(1);
    expect(channel.isOpen).toBe(false);
    expect(told).toEqual(['listening', 'cut', 'closed']);
  });

  it.each([true, false])(
    "is closed with Node's, with nothing else to read (%p: it has not listened)",
    (isEarly) => {
      const { child, told } = open({ hasAnswers: isEarly });
      if (!isEarly) child.emit('message', listening);
      child.emit('disconnect');
      expect(told.slice(-2)).toEqual(['cut', 'closed']);
    },
  );

  it('tells nothing once its owner has closed it', () => {
    const { child, channel, told, opened } = open({ hasAnswers: true });
    child.emit('message', listening);
    child.emit('disconnect');
    channel.close();
    expect(channel.isOpen).toBe(false);
    child.emit('message', ack);
    opened[0]?.onAnswer(ack);
    opened[0]?.onClosed();
    jest.advanceTimersByTime(2 * DRAIN_MS);
    expect(told).toEqual(['listening', 'cut']);
  });
});
