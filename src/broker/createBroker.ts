import { Broker } from './Broker';
import type { BrokerOptions } from './options/BrokerOptions';
import { checkBrokerOptions } from './options/checkBrokerOptions';
import { BrokerState } from './state/BrokerState';
import type { BrokerWarning } from './telemetry/BrokerEvents';

/**
 * Starts the backends of all services and listens for clients. Resolves when every backend accepts connections.
 *
 * @throws {TypeError | RangeError} an option is invalid or unknown; the message names the field and the value (the promise
 *   rejects).
 * @throws {HandoffError} `ERR_INVALID_SNAPSHOT`: the `snapshot` is malformed or of another version (the promise rejects).
 * @throws {BrokerError} `unsafePermissions`, `alreadyRunning`, `notASocket`, `listenFailed`, `pathTooLong`
 *   or `startFailed` (the promise rejects); everything that was started has been stopped then.
 */
export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const checked = checkBrokerOptions(options);
  if (checked.stateDirectory === undefined) {
    const broker = new Broker(checked, undefined);
    await broker.start();
    return broker;
  }
  const warnings: BrokerWarning[] = [];
  // Opened first: it holds the state of an earlier broker.
  const state = await BrokerState.open(checked.stateDirectory, (warning) => warnings.push(warning));
  let broker: Broker;
  try {
    broker = new Broker(checked, state);
  } catch (error) {
    await state.close();
    throw error;
  }
  for (const warning of warnings) state.onWarning(warning);
  await broker.start();
  return broker;
}
