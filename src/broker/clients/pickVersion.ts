import { compareBuild, satisfies, validRange } from 'semver';

const MAX_KNOWN = 1_000;
const MAX_NAMED_VERSIONS = 5;
// Cache: parsing a range costs more than the rest of a request, and clients use few different ranges.
const known = new Map<string, string | 'badVersion' | undefined>();

/**
 * Picks the version for a client that asks for `wanted`, a version or a range: the exact version if offered, otherwise the
 * highest match. `*` matches prereleases only if there are no releases; another range matches only prereleases of a version
 * that it names, as in npm. Among versions that differ only in build metadata, the highest build wins.
 *
 * @returns undefined if none matches; `badVersion` if `wanted` is neither a version nor a range.
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

/** Says why `pickVersion` found nothing, and lists what is offered. */
export function describeNoMatch(service: string, versions: Iterable<string>, wanted: string): string {
  const highestFirst = [...versions].sort(compareBuild).reverse();
  const named = highestFirst.slice(0, MAX_NAMED_VERSIONS).join(', ');
  const more = highestFirst.length > MAX_NAMED_VERSIONS ? ', …' : '';
  const prereleased = highestFirst.find((version) => satisfies(version, wanted, { includePrerelease: true }));
  const advice =
    prereleased === undefined ? '' : `; a prerelease must be requested by name, such as ${prereleased}`;
  return `no version of ${service} matches ${wanted}; available: ${named}${more}${advice}`;
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
