import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import type { BrokerWarning } from './BrokerEvents';

const OWNER_ONLY = 0o600;

/** A JSON file that is there in whole or not at all, whenever its writer dies. */
export class StateFile<T> {
  readonly #path: string;
  readonly #parse: (value: unknown) => T;
  readonly #onWarning: (warning: BrokerWarning) => void;

  /** @param parse checks what was read, and throws if it isn't right */
  constructor(path: string, parse: (value: unknown) => T, onWarning: (warning: BrokerWarning) => void) {
    this.#path = path;
    this.#parse = parse;
    this.#onWarning = onWarning;
  }

  /** What the file holds; undefined if there is none. A damaged one is set aside, with a warning. */
  read(): T | undefined {
    this.#removeHalfWritten();
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') this.#setAside(cause);
      return undefined;
    }
    try {
      return this.#parse(JSON.parse(text));
    } catch (cause) {
      this.#setAside(cause);
      return undefined;
    }
  }

  /** Writes before it returns; false, with a warning, if that can't be. */
  writeSync(value: T): boolean {
    try {
      writeFileAtomic.sync(this.#path, JSON.stringify(value), { mode: OWNER_ONLY });
      return true;
    } catch (cause) {
      this.#warnOfWrite(cause);
      return false;
    }
  }

  /** Resolves when it's on disk; to false, with a warning, if that can't be. */
  async write(value: T): Promise<boolean> {
    try {
      await writeFileAtomic(this.#path, JSON.stringify(value), { mode: OWNER_ONLY });
      return true;
    } catch (cause) {
      this.#warnOfWrite(cause);
      return false;
    }
  }

  #warnOfWrite(cause: unknown): void {
    const message = `${this.#path} can't be written, and is tried again: ${(cause as Error).message}`;
    this.#onWarning({ code: 'stateNotWritten', message, cause });
  }

  #setAside(cause: unknown): void {
    const aside = `${this.#path}.damaged`;
    try {
      renameSync(this.#path, aside);
    } catch {
      // It's left where it is, to be overwritten.
    }
    const message = `${this.#path} is damaged and was set aside as ${basename(aside)}: ${(cause as Error).message}`;
    this.#onWarning({ code: 'stateDamaged', message, cause });
  }

  // A writer that was killed leaves its new file, which nobody will ever rename.
  #removeHalfWritten(): void {
    const directory = dirname(this.#path);
    const prefix = `${basename(this.#path)}.`;
    for (const name of readdirSync(directory)) {
      if (name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
        rmSync(join(directory, name), { force: true });
    }
  }
}
