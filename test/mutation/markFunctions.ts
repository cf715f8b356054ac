import ts from 'typescript';

/** A function of a file, or the file as a whole, and the number by which a test run says that it came by. */
export interface Marked {
  readonly start: number;
  readonly end: number;
  readonly mark: number;
}

/**
 * A file's text in which each function begins with a call of `mark` with its number.
 * @param first the file's own number; its functions' follow
 */
export function markFunctions(file: string, text: string, first: number): { text: string; marked: Marked[] } {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const marked: Marked[] = [{ start: 0, end: text.length, mark: first }];
  const inserts: { at: number; text: string }[] = [{ at: 0, text: `mark(${first});` }];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const body = node.body as ts.Node;
      const start = body.getStart(source);
      const mark = first + marked.length;
      marked.push({ start, end: body.end, mark });
      if (ts.isBlock(body)) inserts.push({ at: start + 1, text: `mark(${mark});` });
      else inserts.push({ at: start, text: `(mark(${mark}), ` }, { at: body.end, text: ')' });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  // From the end, so that the places in front stay right; of two at one place, the inner one's is inserted first.
  inserts.sort((a, b) => b.at - a.at);
  let result = text;
  for (const { at, text: inserted } of inserts) result = result.slice(0, at) + inserted + result.slice(at);
  return { text: result, marked };
}

/** The mark of the innermost function that a place is in. */
export function markAt(marked: readonly Marked[], start: number, end: number): number {
  let inner = marked[0] as Marked;
  for (const one of marked) {
    if (one.start <= start && end <= one.end && one.end - one.start <= inner.end - inner.start) inner = one;
  }
  return inner.mark;
}
