import { type BrokerReason, RECONNECT_REASON_WORDS } from '../../../machines/vocabulary';
import type { HandoffAttemptDecision, HandoffExplanation } from '../../index';

/** The answer "reconnect" for a reason of the broker. */
export interface BrokerFallback {
  readonly type: 'fallbackToReconnect';
  readonly reason: Exclude<BrokerReason, 'transferLimit'>;
  readonly retryAfterMs?: undefined;
  readonly usesBackendReconnect: true;
  readonly sendsClientError: false;
}

/** Whether a broker attempts to hand a connection over, or why not. */
export type BrokerDecision = HandoffAttemptDecision | BrokerFallback;

/** How a broker would answer a request, and why. */
export interface BrokerExplanation extends Omit<HandoffExplanation, 'decision'> {
  readonly decision: BrokerDecision;
}

function brokerFallback(reason: BrokerFallback['reason']): BrokerFallback {
  return { type: 'fallbackToReconnect', reason, usesBackendReconnect: true, sendsClientError: false };
}

/**
 * The controller's answer, or the broker's own in its place. The policy's reasons come first: a handle that can't be passed
 * matters to an attempt alone.
 *
 * @param decision undefined if a check failed, or the controller couldn't be asked
 * @param canPassHandle whether the connection's handle is held and can be passed to another process
 */
export function brokerDecision(
  decision: HandoffAttemptDecision | undefined,
  canPassHandle: boolean,
): BrokerDecision {
  if (decision === undefined) return brokerFallback('checkFailed');
  return decision.type === 'attempt' && !canPassHandle ? brokerFallback('handleUnavailable') : decision;
}

/** The controller's explanation, with the broker's own answer in its place if there is one. */
export function explainWith(decision: BrokerDecision, explanation: HandoffExplanation): BrokerExplanation {
  if (decision.type === 'attempt' || decision === explanation.decision) return explanation;
  const { means } = RECONNECT_REASON_WORDS[decision.reason];
  return { ...explanation, decision, because: `${means.charAt(0).toUpperCase()}${means.slice(1)}.` };
}
