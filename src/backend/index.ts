export type { BackendIdentity } from '../protocol/backendIdentity';
export type {
  BackendConnectionInfo,
  BackendRoute,
  ServeBackendOptions,
  ServedBackend,
} from './BackendOptions';
export { HandoffBackendError, type HandoffBackendErrorCode } from './HandoffBackendError';
export { serveBackend } from './serveBackend';
