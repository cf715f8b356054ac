import { compareBuild, satisfies, validRange } from 'semver';

const MAX_KNOWN = 1_000;
const MAX_NAMED_VERSIONS = 5;
// A range takes longer to read than all else that is done for a request, and there are few that are asked for.
const known = new Map<string, string | 'badVersion' | undefined>();

/**
 * The version that a client gets who asks for `wanted`, a version or a range: the one that is named in full, or else the
 * highest that matches. `*` matches prereleases only where there is nothing else; another range, as npm has it, only those
 * of a version that it names. Of versions that differ in nothing but their build metadata, which says nothing about their
 * order, the one whose build is the highest is taken. `badVersion`: it's neither a version nor a range.
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

/** Why `pickVersion` found nothing, and what would be found. */
export function describeNoMatch(service: string, versions: Iterable<string>, wanted: string): string {
  const highestFirst = [...versions].sort(compareBuild).reverse();
  const named = highestFirst.slice(0, MAX_NAMED_VERSIONS).join(', ');
  const more = highestFirst.length > MAX_NAMED_VERSIONS ? ', …' : '';
  const prereleased = highestFirst.find((version) => satisfies(version, wanted, { includePrerelease: true }));
  const advice = prereleased === undefined ? '' : `; a prerelease has to be asked for, as by ${prereleased}`;
  return `there is no ${service} of a version that matches ${wanted}, but ${named}${more}${advice}`;
}

function pick(offered: readonly string[], wanted: string): string | 'badVersion' | undefined {
  if (offered.includes(wanted)) return wanted;
  const range = validRange(wanted);
  if (range === null) return 'badVersion';
  const releases = offered.filter((version) => satisfies(version, range));
  return highest(range === '*' && releases.length === 0 ? offered : releases);
}

function highest(versions: readonly string[]): string | undefined {
  return [...versions].sort(compareBuild).at(-1);
}
