import type { Broker } from '../../../src/broker';
import { type ConnectOptions, connect, type HandoffConnection } from '../../../src/client';
import { eventually } from '../../support/eventually';
import { readAll } from './readAll';

/** What no load reaches: a test that is about a client's timeout gives its own. */
const NO_TIMEOUT_MS = 120_000;

/**
 * Resolves when a broker has no transfer in flight: all that its backends have said is counted. A client's promise says
 * nothing of that, since a backend's `ack` comes behind its `ready`.
 */
export async function settled(broker: Pick<Broker, 'backends'>): Promise<void> {
  await eventually('nothing to be in flight at the broker', () =>
    broker.backends().every(({ inFlight }) => inFlight === 0),
  );
}

/** Connects as a client that has all the time in the world, to `echo` unless another service is given. */
export function dial(
  { socketPath }: Pick<Broker, 'socketPath'>,
  options: Partial<ConnectOptions> = {},
): Promise<HandoffConnection> {
  return connect({ socketPath, service: 'echo', connectTimeoutMs: NO_TIMEOUT_MS, ...options });
}

/** Sends a text to a service that echoes, and reads it back. What the broker counts of it may come later. */
export async function echoBy(
  broker: Pick<Broker, 'socketPath'>,
  text = 'x',
  options: Partial<ConnectOptions> = {},
): Promise<HandoffConnection> {
  const connection = await dial(broker, { earlyData: text, allowHalfOpen: true, ...options });
  try {
    connection.socket.end();
    const answer = String(await readAll(connection.socket));
    if (answer !== text) throw new Error(`sent ${JSON.stringify(text)}, but got ${JSON.stringify(answer)}`);
    return connection;
  } finally {
    connection.socket.destroy();
  }
}

/** As {@link echoBy}, and then nothing is in flight at the broker: what it counts and shows is up to date. */
export async function echo(
  broker: Pick<Broker, 'socketPath' | 'backends'>,
  text?: string,
  options?: Partial<ConnectOptions>,
): Promise<HandoffConnection> {
  const connection = await echoBy(broker, text, options);
  await settled(broker);
  return connection;
}
