import { WebSocket } from 'ws';
import type { RelayMessage } from '../../src/inspect/messages/InspectionMessage';
import { Batch } from '../../src/inspect/relay/Batch';
import { ViewerPeer } from '../../src/inspect/relay/ViewerPeer';

/** A socket whose other end reads when it's told to. */
function createSlowSocket() {
  const sent: string[] = [];
  const waiting: { readonly size: number; readonly done: () => void }[] = [];
  const socket = {
    readyState: WebSocket.OPEN,
    bufferedAmount: 0,
    send(data: Buffer, _: unknown, done: () => void) {
      const text = data.toString();
      sent.push(text);
      socket.bufferedAmount += text.length;
      waiting.push({ size: text.length, done });
    },
  };
  const drain = () => {
    for (const { size, done } of waiting.splice(0)) {
      socket.bufferedAmount -= size;
      done();
    }
  };
  return { socket: socket as unknown as WebSocket, sent, drain };
}

test('a viewer that does not read gets nothing more, and the current state once it has read', () => {
  const { socket, sent, drain } = createSlowSocket();
  const event = (n: number): Batch => {
    const batch = new Batch();
    const message: RelayMessage = { type: '@handoff.gone', sessionIds: [`${n}`] };
    batch.add(message, JSON.stringify(message));
    return batch;
  };
  let state = 'first';
  const viewer = new ViewerPeer(
    socket,
    true,
    () => ({ type: '@handoff.welcome', relayId: 'r', now: 0 }),
    1_000,
  );
  viewer.start(
    () => [JSON.stringify({ type: '@handoff.gone', sessionIds: [state] })],
    () => true,
  );
  expect(sent).toHaveLength(1);

  for (let n = 0; n < 10_000; n++) {
    if (viewer.isReady()) viewer.send(event(n));
  }
  expect(socket.bufferedAmount).toBeLessThan(1_100);
  const before = sent.length;

  state = 'latest';
  drain();
  expect(sent).toHaveLength(before + 1);
  expect(JSON.parse(String(sent.at(-1)))).toEqual([
    expect.objectContaining({ type: '@handoff.welcome' }),
    { type: '@handoff.dropped', messages: 10_000 - (before - 1) },
    { type: '@handoff.gone', sessionIds: ['latest'] },
  ]);
  expect(viewer.isReady()).toBe(true);
});
