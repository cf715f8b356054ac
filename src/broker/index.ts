export type { BackendProcessState } from '../../machines/backendLifecycle';
export type { BrokerReason, ReconnectReason } from '../../machines/vocabulary';
export type { BackendIdentity } from '../protocol/backendIdentity';
export type { ChannelAnswer } from '../protocol/channelRecord';
export type { BrokerClientErrorCode } from '../protocol/errorCodes';
export type { DrainMessage, HandoffMessage, SyncMessage } from '../protocol/ipcMessage';
export type { Broker, StoppedBroker } from './Broker';
export { BrokerError, type BrokerErrorCode } from './BrokerError';
export type { ReloadedServices } from './backends/BackendSet';
export { createNodeIpcTransport } from './channels/createNodeIpcTransport';
export { createScmRightsTransport } from './channels/createScmRightsTransport';
export type { HandoffChannel, HandoffChannelListener } from './channels/HandoffChannel';
export type { ChannelTarget, HandoffTransport } from './channels/HandoffTransport';
export { createBroker } from './createBroker';
export type { AdoptableBackend, AttemptRequest, BrokerOptions, BrokerService } from './options/BrokerOptions';
export type { StopOptions } from './options/checkStopOptions';
export { type BrokerMetricsOptions, recordBrokerMetrics } from './recordBrokerMetrics';
export type { BrokerDecision, BrokerExplanation, BrokerFallback } from './telemetry/BrokerDecision';
export type {
  BackendExitEvent,
  BackendReadyEvent,
  BackendRejoinedEvent,
  BrokerEvents,
  BrokerWarning,
  BrokerWarningCode,
  RouteEvent,
  TransferEvent,
} from './telemetry/BrokerEvents';
export type { BackendStatus, BrokerStats } from './telemetry/BrokerStatus';
export type { TransferState } from './transfers/TransferTable';
