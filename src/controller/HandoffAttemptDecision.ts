import type { HandoffFallbackReason } from '../../machines/backendHandoff';

/** The answer "reconnect". The client is told to connect to the backend anew; it never sees an error. */
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
