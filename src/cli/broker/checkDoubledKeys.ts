import { type JSONPath, visit } from 'jsonc-parser';
import { showPathInData } from '../../errors/parseInWords';

/**
 * Finds keys that an object in a JSON text has twice: `JSON.parse` takes the last one without a word.
 *
 * @param text that `JSON.parse` takes.
 * @throws {Error} with a line for each of them, and where it is; or the text is nested too deeply to tell.
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
            `${showPathInData([...pathOf(), key])} is there twice, in line ${first} and in line ${line}`,
          );
      },
    });
  } catch (cause) {
    throw new Error('it is nested too deeply', { cause });
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
}
