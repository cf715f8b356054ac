/** Version of the frames and of the messages between broker and backend. */
export const PROTOCOL_VERSION = 1;

/** Most bytes that a frame's payload may have. */
export const MAX_PAYLOAD_BYTES = 4096;

/** Most bytes of early data that a client sends behind its `hello` or `attach`. */
export const MAX_EARLY_DATA_BYTES = 16_384;

/** Longest time in milliseconds that a `handoff` frame may ask a client to wait. */
export const MAX_DEADLINE_MS = 60_000;

/** Most characters that an `error` frame's message keeps; the rest is cut. */
export const MAX_ERROR_MESSAGE_CHARACTERS = 512;
