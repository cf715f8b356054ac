import { z } from 'zod';
import { TRANSFER_REFUSALS, type TransferRefusal } from '../../machines';
import { traceparentField } from './traceparent';
import { PROTOCOL_VERSION } from './wireLimits';

const version = z.literal(PROTOCOL_VERSION);
const token = z.string().regex(/^[0-9a-f]{32}$/);

// `instanceof` fails for a class of another realm.
const bytes = z.custom<Uint8Array>((value) => ArrayBuffer.isView(value));

const handoffSchema = z.object({
  handoffController: version,
  type: z.literal('handoff'),
  token,
  id: z.string().regex(/^[0-9a-f]{32}$/),
  stamp: z.number().nonnegative(),
  earlyData: bytes,
  traceparent: traceparentField,
});

const refuseCodeSchema = z.enum(TRANSFER_REFUSALS);

const syncSchema = z.object({ handoffController: version, type: z.literal('sync'), token });

const drainSchema = z.object({
  handoffController: version,
  type: z.literal('drain'),
  /** Milliseconds until the process is ended; left out: nobody ends it. */
  timeoutMs: z.number().nonnegative().optional(),
});

const brokerMessageSchema = z.discriminatedUnion('type', [handoffSchema, syncSchema, drainSchema]);

const backendMessageSchema = z.discriminatedUnion('type', [
  z.object({ handoffController: version, type: z.literal('ack'), token }),
  z.object({ handoffController: version, type: z.literal('refuse'), token, code: refuseCodeSchema }),
  z.object({ handoffController: version, type: z.literal('synced'), token }),
]);

/** The message that goes with a handle from the broker to a backend. */
export type HandoffMessage = z.infer<typeof handoffSchema>;

/** A question that is answered after every earlier handle. */
export type SyncMessage = z.infer<typeof syncSchema>;

/** The request to take no new connections, and to end when those that are open have. */
export type DrainMessage = z.infer<typeof drainSchema>;

/** Why a backend doesn't take a handle. */
export type RefuseCode = TransferRefusal;

/** A message from the broker to a backend. */
export type BrokerMessage = z.infer<typeof brokerMessageSchema>;

/** What a backend answers to the broker. */
export type BackendMessage = z.infer<typeof backendMessageSchema>;

/**
 * A parsed channel message: valid, `malformed` (marked as the library's but invalid), or `foreign` (the application's own).
 */
export type ReceivedMessage<T> = { readonly message: T } | { readonly invalid: unknown } | 'foreign';

function receive<T>(schema: z.ZodType<T>, value: unknown): ReceivedMessage<T> {
  if (typeof value !== 'object' || value === null || !('handoffController' in value)) return 'foreign';
  const result = schema.safeParse(value);
  return result.success ? { message: result.data } : { invalid: value };
}

/** Parses a message that a backend received. */
export function receiveBrokerMessage(value: unknown): ReceivedMessage<BrokerMessage> {
  return receive(brokerMessageSchema, value);
}

/** Parses a message that the broker received. */
export function receiveBackendMessage(value: unknown): ReceivedMessage<BackendMessage> {
  return receive(backendMessageSchema, value);
}

/** The token of an invalid message, needed to refuse it; undefined if it has none. */
export function tokenOf(invalid: unknown): string | undefined {
  return z.object({ token }).safeParse(invalid).data?.token;
}
