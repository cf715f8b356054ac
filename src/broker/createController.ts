import {
  HandoffController,
  type HandoffControllerOptions,
  type InspectionObserver,
  type PersistedHandoffSnapshot,
} from '../index';
import type { CheckedBrokerOptions } from './options/checkBrokerOptions';
import { guardClock } from './options/guardClock';
import type { BrokerReporter } from './telemetry/BrokerReporter';

/** A broker's controller: new, or with what an earlier one knew. What fails of the embedder's in it is a warning. */
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
    onObserverError: (cause) => reporter.warnOfFailure('listenerFailed', "the controller's observer", cause),
  };
  return snapshot === undefined
    ? new HandoffController(options)
    : HandoffController.restore(snapshot, options);
}
