import { Broker } from './Broker';
import type { BrokerOptions } from './BrokerOptions';
import { checkBrokerOptions } from './checkBrokerOptions';

/**
 * Starts the backends of all services and listens for clients. Resolves when every backend takes connections.
 *
 * @throws {TypeError | RangeError} an option isn't valid; the message names the field and the value (the promise rejects).
 * @throws {BrokerError} `unsafePermissions`, `alreadyRunning`, `notASocket`, `listenFailed`, `pathTooLong` or
 *   `startFailed` (the promise rejects); everything that was started has been stopped then.
 */
export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const broker = new Broker(checkBrokerOptions(options));
  await broker.start();
  return broker;
}
