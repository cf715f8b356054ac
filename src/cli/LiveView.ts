import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import type { WriteStream } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';

/** Interval of printing where the view can't be redrawn. */
const PLAIN_EVERY_MS = 2_000;
/** Width without a terminal, in columns. */
const PLAIN_WIDTH = 160;

/** A changing text: redrawn in place on a terminal, printed at intervals elsewhere. */
export class LiveView {
  #lines = 0;
  #printedAt = Number.NEGATIVE_INFINITY;
  #last: ((width: number) => string) | undefined;

  /** @param plainEveryMs shortest interval of printing without a terminal, in milliseconds */
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

  /** The lines that fit on the screen: lines that have scrolled off can't be redrawn. */
  #fitting(lines: readonly string[]): { readonly shown: readonly string[]; readonly height: number } {
    // The cursor needs a line.
    const room = (this.stream.rows || Number.POSITIVE_INFINITY) - 1;
    const shown: string[] = [];
    let height = 0;
    for (const [index, line] of lines.entries()) {
      const left = lines.length - index;
      // A wrapped line takes several rows.
      const rows = Math.max(1, Math.ceil(stripVTControlCharacters(line).length / this.#width));
      // Leave room for the line with the number of omitted lines.
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
