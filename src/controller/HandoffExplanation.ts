import type { BackendHandoffState } from '../../machines/backendHandoff';
import type { HandoffAttemptDecision } from './HandoffAttemptDecision';
import type { FailedAttemptWindow } from './PersistedHandoffSnapshot';

/** How a request would be answered, and why. */
export interface HandoffExplanation {
  /** What `shouldAttempt` would answer. */
  readonly decision: HandoffAttemptDecision;
  /** In the chart's words: the check that answers, or that all have passed. */
  readonly because: string;
  /** The chart's state. */
  readonly state: BackendHandoffState;
  /** What that state means, in the chart's words. */
  readonly stateMeans: string;
  /** The window of failed attempts, if one is open. */
  readonly window?: FailedAttemptWindow;
}
