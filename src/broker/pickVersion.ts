import { maxSatisfying, validRange } from 'semver';

/**
 * The version that a client gets who asks for `wanted`, a version or a range: the highest that matches. `badVersion`: it
 * is neither.
 */
export function pickVersion(versions: Iterable<string>, wanted: string): string | 'badVersion' | undefined {
  if (validRange(wanted) === null) return 'badVersion';
  return maxSatisfying([...versions], wanted) ?? undefined;
}
