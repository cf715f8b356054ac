import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import type { WriteStream } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';

/** How often a view that can't be redrawn is printed. */
const PLAIN_EVERY_MS = 2_000;
/** The width of a view that isn't on a terminal. */
const PLAIN_WIDTH = 160;

/** A text that changes: redrawn in place on a terminal, printed now and then elsewhere. */
export class LiveView {
  #lines = 0;
  #printedAt = Number.NEGATIVE_INFINITY;
  #last: ((width: number) => string) | undefined;

  /** @param plainEveryMs at most once in so many milliseconds where it can't be redrawn */
  constructor(
    readonly stream: NodeJS.WriteStream & Partial<Pick<WriteStream, 'isTTY'>>,
    readonly plainEveryMs = PLAIN_EVERY_MS,
  ) {}

  show(render: (width: number) => string): void {
    this.#last = render;
    if (this.stream.isTTY) this.#redraw(render(this.#width));
    else if (performance.now() - this.#printedAt >= this.plainEveryMs) this.#print(render(PLAIN_WIDTH));
  }

  /** Leaves the last text on the screen. */
  end(): void {
    if (!this.stream.isTTY && this.#last) this.#print(this.#last(PLAIN_WIDTH));
  }

  get #width(): number {
    return this.stream.columns || 80;
  }

  #redraw(text: string): void {
    if (this.#lines > 0) {
      moveCursor(this.stream, 0, -this.#lines);
      cursorTo(this.stream, 0);
    }
    clearScreenDown(this.stream);
    const { shown, height } = this.#fitting(text.split('\n'));
    this.#lines = height;
    this.stream.write(`${shown.join('\n')}\n`);
  }

  /** As many lines as the screen holds: what has scrolled off can't be drawn anew. */
  #fitting(lines: readonly string[]): { readonly shown: readonly string[]; readonly height: number } {
    // The cursor stands on a line of its own.
    const room = (this.stream.rows || Number.POSITIVE_INFINITY) - 1;
    const shown: string[] = [];
    let height = 0;
    for (const [index, line] of lines.entries()) {
      const left = lines.length - index;
      // A line that wraps counts twice.
      const rows = Math.max(1, Math.ceil(stripVTControlCharacters(line).length / this.#width));
      // Room for the line that says how many are missing, unless none is.
      if (height + rows > room - (left > 1 ? 1 : 0)) {
        return { shown: [...shown, `… ${left} more`], height: height + 1 };
      }
      shown.push(line);
      height += rows;
    }
    return { shown, height };
  }

  #print(text: string): void {
    this.#printedAt = performance.now();
    this.stream.write(`${text}\n\n`);
  }
}
