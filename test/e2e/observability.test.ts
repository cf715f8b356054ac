import type { RouteEvent, TransferEvent } from '../../src/broker';
import { connect, type HandoffClientError } from '../../src/client';
import { readAll } from './support/readAll';
import { fixtureService, TestBrokers } from './support/TestBrokers';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('trace context', () => {
  const brokers = new TestBrokers();

  afterAll(async () => expect(await brokers.stop()).toEqual([]));

  it.each([true, false])('goes to events and backend on either route (handoff %p)', async (handoff) => {
    const broker = await brokers.start({ services: [fixtureService('info')] });
    const routes: RouteEvent[] = [];
    const transfers: TransferEvent[] = [];
    broker.on('route', (event) => routes.push(event));
    broker.on('transfer', (event) => transfers.push(event));
    const { socket, route } = await connect({
      socketPath: broker.socketPath,
      service: 'echo',
      handoff,
      traceparent: TRACEPARENT,
    });
    expect(JSON.parse(String(await readAll(socket)))).toMatchObject({ route, traceparent: TRACEPARENT });
    // A client has its way before the broker has the acknowledgement.
    await broker.stop();
    expect(routes).toEqual([expect.objectContaining({ route, traceparent: TRACEPARENT })]);
    expect(routes[0]?.elapsedMs).toBeGreaterThan(0);
    expect(transfers.length > 0).toBe(handoff);
    for (const transfer of transfers) expect(transfer).toMatchObject({ traceparent: TRACEPARENT });
  });

  it('is left out where the client gives none, and refused where it gives nonsense', async () => {
    const { socketPath } = await brokers.start({ services: [fixtureService('info')] });
    const { socket } = await connect({ socketPath, service: 'echo' });
    expect(JSON.parse(String(await readAll(socket)))).not.toHaveProperty('traceparent');
    const error = await connect({ socketPath, service: 'echo', traceparent: 'nonsense' }).catch((e) => e);
    expect((error as HandoffClientError).code).toBe('invalidOption');
  });
});
