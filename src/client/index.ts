export type { ReconnectReason } from '../../machines/vocabulary';
export type { ConnectOptions, HandoffConnection } from './ConnectOptions';
export { connect } from './connect';
export { HandoffClientError, type HandoffClientErrorCode } from './HandoffClientError';
