export type { BackendProcessState } from '../../machines/backendLifecycle';
export type { ReconnectReason } from '../../machines/vocabulary';
export type { ChannelAnswer } from '../wire/channelRecord';
export type { HandoffMessage, SyncMessage } from '../wire/ipcMessage';
export type { Broker, ReloadedServices, StoppedBroker } from './Broker';
export { BrokerError, type BrokerErrorCode } from './BrokerError';
export type {
  BackendExitEvent,
  BackendReadyEvent,
  BrokerEvents,
  BrokerWarning,
  BrokerWarningCode,
  RouteEvent,
  TransferEvent,
} from './BrokerEvents';
export type { AdoptableBackend, AttemptRequest, BrokerOptions, BrokerService } from './BrokerOptions';
export type { BackendStatus, BrokerClientErrorCode, BrokerStats } from './BrokerStatus';
export type { StopOptions } from './checkStopOptions';
export { createBroker } from './createBroker';
export { createNodeIpcTransport } from './createNodeIpcTransport';
export { createScmRightsTransport } from './createScmRightsTransport';
export type { HandoffChannel, HandoffChannelListener } from './HandoffChannel';
export type { HandoffTransport } from './HandoffTransport';
export { type BrokerMetricsOptions, recordBrokerMetrics } from './recordBrokerMetrics';
export type { TransferState } from './TransferTable';
