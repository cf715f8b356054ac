/** Version of the frames and of the messages between broker and backend. */
export const PROTOCOL_VERSION = 1;

/** Maximum bytes of a frame's payload. */
export const MAX_PAYLOAD_BYTES = 4096;

/** Maximum bytes of early data after a `hello` or `attach`. */
export const MAX_EARLY_DATA_BYTES = 16_384;

/** Most processes of one service and version. */
export const MAX_REPLICAS = 64;

/** Longest wait in milliseconds that a `handoff` frame may ask for. */
export const MAX_DEADLINE_MS = 60_000;

/**
 * By how many milliseconds a client that knows its backend waits longer than the broker gives the backend, and how old
 * its stamp may be for the broker to hand over without an announcement. Being the same, they make the broker's deadline
 * pass first: otherwise a client could be at the endpoint while its backend was still in time, and the handle, refused as
 * claimed, would count against the backend. Far longer than a `hello` takes to a broker that isn't overwhelmed.
 */
export const KNOWING_SLACK_MS = 50;

/** Maximum characters of an `error` frame's message; the rest is cut. */
export const MAX_ERROR_MESSAGE_CHARACTERS = 512;
