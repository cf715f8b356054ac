import { maxSatisfying, validRange } from 'semver';

const MAX_KNOWN = 1_000;
// A range takes longer to read than all else that is done for a request, and there are few that are asked for.
const known = new Map<string, string | 'badVersion' | undefined>();

/**
 * The version that a client gets who asks for `wanted`, a version or a range: the highest that matches. `badVersion`: it
 * is neither.
 */
export function pickVersion(versions: Iterable<string>, wanted: string): string | 'badVersion' | undefined {
  const offered = [...versions];
  const question = `${offered.join('|')}\n${wanted}`;
  if (!known.has(question)) {
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(question, pick(offered, wanted));
  }
  return known.get(question);
}

function pick(offered: readonly string[], wanted: string): string | 'badVersion' | undefined {
  if (validRange(wanted) === null) return 'badVersion';
  return maxSatisfying([...offered], wanted) ?? undefined;
}
