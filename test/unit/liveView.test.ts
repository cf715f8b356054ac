import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { LiveView } from '../../src/cli/LiveView';

/** A stream that says of itself that it's a terminal of this size. */
function createTerminal(
  columns: number,
  rows: number,
): { stream: NodeJS.WriteStream; written: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns, rows });
  return { stream: stream as unknown as NodeJS.WriteStream, written: () => String(stream.read() ?? '') };
}

const lines = (count: number): string => Array.from({ length: count }, (_, n) => `line ${n}`).join('\n');

describe('a live view', () => {
  it('is redrawn in place', () => {
    const { stream, written } = createTerminal(40, 10);
    const view = new LiveView(stream);
    view.show(() => lines(3));
    written();
    view.show(() => 'short');
    expect(written()).toBe('\u001b[3A\u001b[1G\u001b[0Jshort\n');
  });

  it('counts a line twice that takes two rows', () => {
    const { stream, written } = createTerminal(4, 10);
    const view = new LiveView(stream);
    view.show(() => 'ab\n\u001b[32mabcdefg\u001b[39m');
    written();
    view.show(() => '');
    expect(written()).toContain('\u001b[3A');
  });

  it.each([
    [9, 9, 'line 8'],
    [10, 9, '… 2 more'],
    [1_000, 9, '… 992 more'],
  ])('of %p lines shows no more than a terminal of 10 rows can redraw', (count, height, last) => {
    const { stream, written } = createTerminal(40, 10);
    const view = new LiveView(stream);
    view.show(() => lines(count));
    expect(stripVTControlCharacters(written()).trimEnd().split('\n').at(-1)).toBe(last);
    view.show(() => '');
    expect(written()).toContain(`\u001b[${height}A`);
  });
});
