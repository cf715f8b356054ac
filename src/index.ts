export type { BackendHandoffState, HandoffFailure, HandoffFallbackReason } from '../machines/backendHandoff';
export type { InspectionObserver } from './controller/ActorMirror';
export { BackendHandle } from './controller/BackendHandle';
export type { BackendId, BackendKey } from './controller/BackendKey';
export type { BackendHandoffActor } from './controller/BackendRecord';
export type { Clock } from './controller/Clock';
export type { HandoffAttemptDecision, HandoffFallback } from './controller/HandoffAttemptDecision';
export { HandoffAttemptInputs } from './controller/HandoffAttemptInputs';
export {
  HandoffController,
  type HandoffControllerOptions,
} from './controller/HandoffController';
export type { HandoffExplanation } from './controller/HandoffExplanation';
export {
  DEFAULT_HANDOFF_FAILED_ATTEMPT_WINDOW_MS,
  DEFAULT_HANDOFF_FAILED_ATTEMPTS_PER_WINDOW,
  HandoffFallbackPolicy,
  type HandoffFallbackPolicyOptions,
} from './controller/HandoffFallbackPolicy';
export type {
  FailedAttemptWindow,
  PersistedBackend,
  PersistedHandoffSnapshot,
} from './controller/PersistedHandoffSnapshot';
export { HandoffError } from './errors/HandoffError';
