import { join } from 'node:path';
import { connect } from '../../../src/client';
import { type RoundOrder, type RoundResult, takeOrders } from './control';

// The client process of the bench: `clients.js DIRECTORY`. Each of its clients begins its next connection when the last
// one is closed.

const [, , directory = ''] = process.argv;
const socketPath = join(directory, 'broker.sock');

/** Milliseconds from before the first connect to the first byte of the reply. */
async function connectOnce({ route, earlyData }: RoundOrder, request: Buffer): Promise<number> {
  const began = performance.now();
  const connection = await connect({
    socketPath,
    service: 'bench',
    handoff: route === 'handedOff',
    ...(earlyData ? { earlyData: request } : {}),
  });
  const { socket } = connection;
  return new Promise((resolve, reject) => {
    if (connection.route !== route) {
      socket.destroy();
      reject(new Error(`A connection was ${connection.route} (${connection.reason}) instead of ${route}`));
      return;
    }
    let latencyMs: number | undefined;
    socket.on('data', () => {
      latencyMs ??= performance.now() - began;
    });
    socket.once('error', reject);
    socket.once('close', () => {
      if (latencyMs === undefined) reject(new Error('A connection ended without a reply'));
      else resolve(latencyMs);
    });
    if (!earlyData) socket.write(request);
  });
}

async function onRound(round: RoundOrder): Promise<RoundResult> {
  const request = Buffer.alloc(round.bytes, 'q');
  request.writeUInt32BE(round.bytes);
  const latenciesMs: number[] = [];
  let left = round.connections;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: round.clients }, async () => {
      while (left > 0) {
        left -= 1;
        latenciesMs.push(await connectOnce(round, request));
      }
    }),
  );
  return { latenciesMs, elapsedMs: performance.now() - began };
}

const control = takeOrders(directory, 'clients', {
  onRound,
  onStop: (isOrdered) => {
    control.destroy();
    // In the middle of a round, whose clients would wait for the broker to come back.
    if (!isOrdered) process.exit(1);
  },
});
