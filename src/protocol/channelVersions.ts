import { WireError } from './WireError';

/** The versions of the channel that one end speaks: these two and all between. */
export interface ChannelVersions {
  readonly lowest: number;
  readonly highest: number;
}

/** What this library speaks. */
export const CHANNEL_VERSIONS: ChannelVersions = { lowest: 1, highest: 1 };

/**
 * The highest version that both ends speak.
 *
 * @throws {WireError} `unsupportedVersion` if there is none; the message names what each speaks.
 */
export function commonVersion(ours: ChannelVersions, theirs: ChannelVersions): number {
  const version = Math.min(ours.highest, theirs.highest);
  if (version >= ours.lowest && version >= theirs.lowest) return version;
  throw new WireError(
    'unsupportedVersion',
    `this side speaks ${nameOf(ours)} of the channel, the other side ${nameOf(theirs)}`,
  );
}

function nameOf({ lowest, highest }: ChannelVersions): string {
  return lowest === highest ? `version ${lowest}` : `versions ${lowest} to ${highest}`;
}
