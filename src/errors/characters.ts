// Characters are Unicode code points, because other languages don't count UTF-16 units.

/** Number of a text's characters. */
export function countCharacters(text: string): number {
  return [...text].length;
}

/** The text's first `max` characters; never splits one. */
export function cutToCharacters(text: string, max: number): string {
  return text.length <= max ? text : [...text].slice(0, max).join('');
}
