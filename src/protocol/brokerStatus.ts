import { z } from 'zod';

const count = z.number().nonnegative();
const counts = z.record(z.string(), count);

/**
 * A broker's status. States and reasons are any string, since a later version may add some; the fields are those of
 * `BrokerStats` and of the policy.
 */
export const brokerSummarySchema = z.object({
  instance: z.string(),
  pid: z.number().int(),
  /** Milliseconds since the process's start. */
  uptimeMs: count,
  policy: z.object({ maxFailedAttemptsPerWindow: count, failedAttemptWindowMs: count }),
  /** Why handoff is slow or impossible on this machine, and what that costs. */
  limitation: z.string().optional(),
  /** Open file descriptors and their limit, if known. */
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

/** A backend's status; the fields are those of `BackendStatus`. */
export const backendSummarySchema = z.object({
  service: z.string(),
  version: z.string(),
  /** Omitted for the first process of a service and version. */
  replica: count.optional(),
  pid: z.number().int().optional(),
  process: z.string(),
  endpoint: z.string().optional(),
  adopted: z.boolean(),
  handoffEnabled: z.boolean(),
  attempts: count,
  /** As far as is known; omitted by an earlier version. */
  openConnections: count.optional(),
  inFlight: count,
  queued: count,
  handedOff: count,
  reconnected: counts,
  state: z.string(),
  /** The chart's description of the state. */
  stateMeans: z.string(),
  window: z.object({ failedAttempts: count, remainingMs: count }).optional(),
  /** The answer to the next request of a client that supports handoff. */
  next: z.object({
    /** `attempt`, or the reason to reconnect. */
    answer: z.string(),
    /** The chart's description of the answer. */
    because: z.string(),
    retryAfterMs: count.optional(),
  }),
});

/** A broker's status. */
export type BrokerSummary = z.infer<typeof brokerSummarySchema>;

/** A backend's status. */
export type BackendSummary = z.infer<typeof backendSummarySchema>;
