export { attemptsInFlightAfter, hasOthersInFlight } from './attemptsInFlight';
export {
  type BackendHandoffContext,
  type BackendHandoffEmitted,
  type BackendHandoffEvent,
  type BackendHandoffInput,
  type BackendHandoffSnapshot,
  type BackendHandoffState,
  type BackendHandoffTag,
  backendHandoff,
  type HandoffAnswer,
  type HandoffAttemptInputs,
  type HandoffFailure,
  type HandoffFallbackReason,
} from './backendHandoff';
export {
  BACKEND_PROCESS_STATES,
  type BackendLifecycleEmitted,
  type BackendLifecycleEvent,
  type BackendLifecycleInput,
  type BackendLifecycleSnapshot,
  type BackendProcessState,
  type BackendSuccession,
  backendLifecycle,
} from './backendLifecycle';
export {
  type ConnectRoundEmitted,
  type ConnectRoundEvent,
  type ConnectRoundSnapshot,
  connectRound,
  ROUND_ERROR_ANSWERS,
  ROUND_LOSSES,
  type RoundErrorAnswer,
  type RoundFailure,
  type RoundLoss,
  type RoundOutcome,
} from './connectRound';
export { hasWindowElapsed, windowElapsedMs, windowRemainingMs } from './failedAttemptWindow';
export {
  FD_PRESSURE_INPUT,
  type FdPressureEvent,
  type FdPressureInput,
  type FdPressureSnapshot,
  fdPressure,
} from './fdPressure';
export {
  type HandoffTransferEmitted,
  type HandoffTransferEvent,
  type HandoffTransferInput,
  type HandoffTransferSnapshot,
  handoffTransfer,
  TRANSFER_REFUSALS,
  type TransferAbandonment,
  type TransferOutcome,
  type TransferRefusal,
  type TransferSendFailure,
} from './handoffTransfer';
export {
  BACKEND_HANDOFF_STATES,
  type BrokerReason,
  HANDOFF_FAILURES,
  RECONNECT_REASON_WORDS,
  RECONNECT_REASONS,
  type ReasonCategory,
  type ReasonWords,
  type ReconnectReason,
  type StateWords,
  type Tone,
} from './vocabulary';
