/** Maximum share of differing letters for a typo. */
const MAX_DIFFERENCE = 1 / 3;
const MAX_NAME_CHARACTERS = 64;
const MIN_PART_CHARACTERS = 4;

/** Edit distance: insertions, deletions, substitutions and swaps of neighbouring letters. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const isSame = from[i - 1] === to[j - 1];
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      row[j] = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped ? (beforeLast[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length] ?? 0;
}

/** The known name with the smallest edit distance; undefined if none is close. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > MAX_NAME_CHARACTERS) return undefined;
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance >= least || distance > Math.max(name.length, candidate.length) * MAX_DIFFERENCE) continue;
    nearest = candidate;
    least = distance;
  }
  return nearest;
}

/** The most likely intended name: a typo of it, or a part of it. */
export function meantName(name: string, known: readonly string[]): string | undefined {
  const part = name.toLowerCase();
  return nearestName(name, known) ?? known.find((candidate) => isPartOf(part, candidate.toLowerCase()));
}

function isPartOf(part: string, whole: string): boolean {
  return part.length >= MIN_PART_CHARACTERS && whole.includes(part);
}
