// Characters are Unicode code points, as any language can count them: one beyond U+FFFF is two of a string's units here.

/** Number of a text's characters. */
export function countCharacters(text: string): number {
  return [...text].length;
}

/** The text's first characters, at most `max`; none of them is cut in two. */
export function cutToCharacters(text: string, max: number): string {
  return text.length <= max ? text : [...text].slice(0, max).join('');
}
