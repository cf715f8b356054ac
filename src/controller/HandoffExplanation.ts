import type { BackendHandoffState } from '../../machines/backendHandoff';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { FailedAttemptWindow } from './PersistedHandoffSnapshot';

/** How a request would be answered, and why. */
export interface HandoffExplanation {
  /** The answer of `shouldAttempt`. */
  readonly decision: HandoffAttemptDecision;
  /** The chart's description of the check that fails, or that all checks pass. */
  readonly because: string;
  /** The chart's state. */
  readonly state: BackendHandoffState;
  /** The chart's description of that state. */
  readonly stateMeans: string;
  /** The window of failed attempts, if one is open. */
  readonly window?: FailedAttemptWindow;
}
