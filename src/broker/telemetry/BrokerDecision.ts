import { type BrokerReason, RECONNECT_REASON_WORDS } from '../../../machines/vocabulary';
import type { HandoffAttemptDecision, HandoffExplanation } from '../../index';

/** A fallback for one of the broker's own reasons. */
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
 * The controller's decision, or the broker's own fallback. The policy's reasons win: whether the handle can be passed matters
 * only if the policy allows an attempt.
 *
 * @param decision undefined if a check threw or the controller failed
 * @param canPassHandle whether reading has stopped and the transport can pass the handle
 */
export function brokerDecision(
  decision: HandoffAttemptDecision | undefined,
  canPassHandle: boolean,
): BrokerDecision {
  if (decision === undefined) return brokerFallback('checkFailed');
  return decision.type === 'attempt' && !canPassHandle ? brokerFallback('handleUnavailable') : decision;
}

/** The controller's explanation, with the decision replaced if the broker decides otherwise. */
export function explainWith(decision: BrokerDecision, explanation: HandoffExplanation): BrokerExplanation {
  if (decision.type === 'attempt' || decision === explanation.decision) return explanation;
  const { means } = RECONNECT_REASON_WORDS[decision.reason];
  return { ...explanation, decision, because: `${means.charAt(0).toUpperCase()}${means.slice(1)}.` };
}
