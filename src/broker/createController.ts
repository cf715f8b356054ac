import {
  HandoffController,
  type HandoffControllerOptions,
  type InspectionObserver,
  type PersistedHandoffSnapshot,
} from '../index';
import type { CheckedBrokerOptions } from './options/checkBrokerOptions';
import { guardClock } from './options/guardClock';
import type { BrokerReporter } from './telemetry/BrokerReporter';

/** Creates a broker's controller or restores it. Errors of the embedder's clock or observer become warnings. */
export function createController(
  { policy, clock }: CheckedBrokerOptions,
  snapshot: PersistedHandoffSnapshot | undefined,
  inspect: InspectionObserver | undefined,
  reporter: BrokerReporter,
): HandoffController {
  const options: HandoffControllerOptions = {
    policy,
    clock:
      clock && guardClock(clock, (method, cause) => reporter.warnOfFailure('clockFailed', method, cause)),
    inspect,
    onCallbackError: (cause) => reporter.warnOfFailure('listenerFailed', "the controller's observer", cause),
  };
  return snapshot === undefined
    ? new HandoffController(options)
    : HandoffController.restore(snapshot, options);
}
