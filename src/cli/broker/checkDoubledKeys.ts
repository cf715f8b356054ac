import { type JSONPath, visit } from 'jsonc-parser';
import { showPathInData } from '../../errors/parseInWords';

/**
 * Finds duplicate keys in the objects of a JSON text; `JSON.parse` silently takes the last one.
 *
 * @param text a text that `JSON.parse` accepts.
 * @throws {Error} with a line for each duplicate and its place, or if the text is nested too deeply to check.
 */
export function checkDoubledKeys(text: string): void {
  const faults: string[] = [];
  const open: Map<string, number>[] = [];
  try {
    visit(text, {
      onObjectBegin: () => void open.push(new Map()),
      onObjectEnd: () => void open.pop(),
      onObjectProperty: (key, _offset, _length, startLine, _character, pathOf: () => JSONPath) => {
        const lines = open.at(-1);
        const line = startLine + 1;
        const first = lines?.get(key);
        if (first === undefined) lines?.set(key, line);
        else
          faults.push(
            `${showPathInData([...pathOf(), key])} is a duplicate key, in lines ${first} and ${line}`,
          );
      },
    });
  } catch (cause) {
    throw new Error('it is nested too deeply', { cause });
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
}
