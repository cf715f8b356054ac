/**
 * Why a message was refused:
 * - `malformed`: not a message of `@statelyai/inspect`, or an id in it is too long
 * - `tooLarge`: over 1 MiB
 * - `tooDeep`: its data or chart is nested more than 200 levels deep
 * - `tooManyActors`: its sender already has 10,000 actors
 * - `tooMuchKept`: it would exceed the memory bound of its sender, or of all senders
 * - `unreadable`: a source in this process threw while it was read
 *
 * Why a connection was closed:
 * - `connections`: there were too many connections
 * - `peers`: it broke the WebSocket protocol, sent a message over 32 MiB, or didn't read for half a minute
 */
export type LeftOutReason = (typeof LEFT_OUT_REASONS)[number];

const LEFT_OUT_REASONS = [
  'malformed',
  'tooLarge',
  'tooDeep',
  'tooManyActors',
  'tooMuchKept',
  'unreadable',
  'connections',
  'peers',
] as const;

/** Refused messages and closed connections since the relay's start, by reason. Reasons that didn't occur are omitted. */
export type LeftOut = Readonly<Partial<Record<LeftOutReason, number>>>;
