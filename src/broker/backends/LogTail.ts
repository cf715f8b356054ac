import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

const MAX_BYTES = 4096;
const MAX_LINES = 12;
// Skipped: the error message stands before them.
const STACK_FRAME = /^\s+at /;
const MAX_LINE_CHARACTERS = 300;

/** The last lines written to a log file from now on, safe to print on a terminal. */
export class LogTail {
  readonly path: string;
  readonly #start: number;

  constructor(path: string) {
    this.path = path;
    this.#start = sizeOf(path);
  }

  /** The last lines, at most 12; undefined if the file can't be read. */
  lines(): string[] | undefined {
    try {
      return this.#read()
        ?.split(/\r?\n/)
        .filter((line) => line.trim() !== '' && !STACK_FRAME.test(line))
        .slice(-MAX_LINES)
        .map((line) =>
          stripVTControlCharacters(line)
            .replace(/\p{Cc}/gu, ' ')
            .slice(0, MAX_LINE_CHARACTERS),
        );
    } catch {
      return undefined;
    }
  }

  #read(): string | undefined {
    // Opening a pipe would block.
    const fd = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) return undefined;
      const start = Math.max(this.#start, stats.size - MAX_BYTES);
      const bytes = Buffer.alloc(Math.max(0, stats.size - start));
      const text = bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, start));
      // The first line may be incomplete.
      return start > this.#start ? text.slice(text.indexOf('\n') + 1) : text;
    } finally {
      closeSync(fd);
    }
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
