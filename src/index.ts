export type { BackendHandoffState, HandoffFailure, HandoffFallbackReason } from '../machines/backendHandoff';
export { BackendHandle } from './BackendHandle';
export type { BackendId, BackendKey } from './BackendKey';
export type { BackendHandoffActor } from './BackendRecord';
export type { Clock } from './Clock';
export type { HandoffAttemptDecision, HandoffFallback } from './HandoffAttemptDecision';
export { HandoffAttemptInputs } from './HandoffAttemptInputs';
export {
  HandoffController,
  type HandoffControllerOptions,
  type InspectionObserver,
} from './HandoffController';
export type { HandoffExplanation } from './HandoffExplanation';
export {
  DEFAULT_HANDOFF_FAILED_ATTEMPT_WINDOW_MS,
  DEFAULT_HANDOFF_FAILED_ATTEMPTS_PER_WINDOW,
  HandoffFallbackPolicy,
  type HandoffFallbackPolicyOptions,
} from './HandoffFallbackPolicy';
export type {
  FailedAttemptWindow,
  PersistedBackend,
  PersistedHandoffSnapshot,
} from './PersistedHandoffSnapshot';
