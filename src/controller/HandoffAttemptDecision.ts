import type { HandoffFallbackReason } from '../../machines/backendHandoff';

/** The answer "reconnect": the client is told to open a new connection to the backend. It never sees an error. */
export interface HandoffFallback {
  readonly type: 'fallbackToReconnect';
  readonly reason: HandoffFallbackReason;
  /** Milliseconds until the window ends. Only with `failedAttemptRateLimited`. */
  readonly retryAfterMs?: number;
  readonly usesBackendReconnect: true;
  readonly sendsClientError: false;
}

/** Whether to try to hand a connection over, or why not. */
export type HandoffAttemptDecision = { readonly type: 'attempt' } | HandoffFallback;
