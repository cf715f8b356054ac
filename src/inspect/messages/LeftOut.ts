/**
 * Why a message was left out:
 * - `malformed`: it's no message of `@statelyai/inspect`, or a text in it is too long
 * - `tooLarge`: it's over 1 MiB
 * - `tooDeep`: its data, or the chart in it, is nested too deep
 * - `tooManyActors`: it's of an actor over what one sender may have
 * - `tooMuchKept`: what is kept of its sender, or of all of them, would be too much
 * - `unreadable`: it's of a source in this process, which threw while it was read
 *
 * Why a connection was closed:
 * - `connections`: to make room, since there were too many
 * - `peers`: it broke the WebSocket protocol, sent a message over 32 MiB, or did not read for half a minute
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

/** How many messages were left out and connections closed since the relay's start, by reason. A reason that didn't occur is left out. */
export type LeftOut = Readonly<Partial<Record<LeftOutReason, number>>>;
