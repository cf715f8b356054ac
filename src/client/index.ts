export type { ReconnectReason } from '../wire/frame';
export type { ConnectOptions, HandoffConnection } from './ConnectOptions';
export { connect } from './connect';
export { HandoffClientError, type HandoffClientErrorCode } from './HandoffClientError';
