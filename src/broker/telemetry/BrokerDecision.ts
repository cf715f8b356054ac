import { type BrokerReason, RECONNECT_REASON_WORDS } from '../../../machines/vocabulary';
import type { HandoffAttemptDecision, HandoffAttemptInputs, HandoffExplanation } from '../../index';

/** The answer "reconnect" for a reason of the broker: the controller isn't asked. */
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

export function brokerFallback(reason: BrokerFallback['reason']): BrokerFallback {
  return { type: 'fallbackToReconnect', reason, usesBackendReconnect: true, sendsClientError: false };
}

/**
 * The broker's own answer, if it can't ask the controller or couldn't act on its answer.
 *
 * @param inputs undefined if a check failed
 * @param canPassHandle whether the connection's handle is held and can be passed to another process
 */
export function ownFallback(
  inputs: HandoffAttemptInputs | undefined,
  canPassHandle: boolean,
): BrokerFallback | undefined {
  if (inputs === undefined) return brokerFallback('checkFailed');
  // The policy's reason, if it forbids handoff anyway.
  const isAllowed = inputs.clientSupportsHandoff && inputs.servicePolicyEnabled;
  return isAllowed && !canPassHandle ? brokerFallback('handleUnavailable') : undefined;
}

/** The controller's explanation, with the broker's own answer in its place if there is one. */
export function explainWith(
  own: BrokerFallback | undefined,
  explanation: HandoffExplanation,
): BrokerExplanation {
  if (own === undefined) return explanation;
  const { means } = RECONNECT_REASON_WORDS[own.reason];
  return { ...explanation, decision: own, because: `${means.charAt(0).toUpperCase()}${means.slice(1)}.` };
}
