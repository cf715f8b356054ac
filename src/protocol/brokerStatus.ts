import { z } from 'zod';

const count = z.number().nonnegative();
const counts = z.record(z.string(), count);

/**
 * What a broker tells of itself. Names of states and reasons are open to what a later version may have; the fields are
 * those of `BrokerStats` and of the policy.
 */
export const brokerSummarySchema = z.object({
  instance: z.string(),
  pid: z.number().int(),
  /** Milliseconds since the process's start. */
  uptimeMs: count,
  policy: z.object({ maxFailedAttemptsPerWindow: count, failedAttemptWindowMs: count }),
  /** What the way to the backends can't do here, and what that costs. */
  limitation: z.string().optional(),
  /** Open file descriptors and their limit, where that can be told. */
  fd: z.object({ open: count, limit: count }).optional(),
  stats: z.object({
    connections: count,
    handedOff: count,
    reconnected: counts,
    abandoned: count,
    clientsLeft: count,
    errors: counts,
    lateAcks: count,
    unknownAcks: count,
    replayedAcks: count,
    foreignAcks: count,
    malformedAcks: count,
  }),
});

/** What a broker tells of a backend; the fields are those of `BackendStatus`. */
export const backendSummarySchema = z.object({
  service: z.string(),
  version: z.string(),
  pid: z.number().int().optional(),
  process: z.string(),
  endpoint: z.string().optional(),
  adopted: z.boolean(),
  handoffEnabled: z.boolean(),
  attempts: count,
  inFlight: count,
  queued: count,
  handedOff: count,
  reconnected: counts,
  state: z.string(),
  /** What the state means, in the chart's words. */
  stateMeans: z.string(),
  window: z.object({ failedAttempts: count, remainingMs: count }).optional(),
  /** How the next request of a client that can be handed over would be answered. */
  next: z.object({
    /** `attempt`, or the reason to reconnect. */
    answer: z.string(),
    /** In the chart's words. */
    because: z.string(),
    retryAfterMs: count.optional(),
  }),
});

/** What a broker tells of itself. */
export type BrokerSummary = z.infer<typeof brokerSummarySchema>;

/** What a broker tells of a backend. */
export type BackendSummary = z.infer<typeof backendSummarySchema>;
