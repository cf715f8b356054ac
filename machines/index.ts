export {
  type BackendHandoffContext,
  type BackendHandoffEmitted,
  type BackendHandoffEvent,
  type BackendHandoffInput,
  type BackendHandoffSnapshot,
  type BackendHandoffState,
  backendHandoff,
  HANDOFF_FAILURES,
  type HandoffAttemptInputs,
  type HandoffFailure,
  type HandoffFallbackReason,
} from './backendHandoff';
export { hasWindowElapsed, windowElapsedMs, windowRemainingMs } from './failedAttemptWindow';
