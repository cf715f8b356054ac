import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { BrokerWarning } from '../telemetry/BrokerEvents';

const OWNER_ONLY = 0o600;
/** Far more than a broker's state ever takes; more is neither read nor written. */
export const MAX_STATE_FILE_BYTES = 16_777_216;

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const NEW_FILE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

/** A JSON file that is there in whole or not at all, whenever its writer dies. It has one writer at a time. */
export class StateFile<T> {
  readonly path: string;
  /** What is written until it takes the file's place. */
  readonly #next: string;
  readonly #parse: (value: unknown) => T;
  readonly #onWarning: (warning: BrokerWarning) => void;

  /** @param parse checks what was read, and throws if it isn't right */
  constructor(path: string, parse: (value: unknown) => T, onWarning: (warning: BrokerWarning) => void) {
    this.path = path;
    this.#next = `${path}.new`;
    this.#parse = parse;
    this.#onWarning = onWarning;
  }

  /** What the file holds; undefined if there is none. A damaged one is set aside, with a warning. */
  read(): T | undefined {
    try {
      // A writer that was killed leaves it.
      rmSync(this.#next, { force: true });
      return this.#parse(JSON.parse(readFile(this.path)));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') this.#setAside(cause);
      return undefined;
    }
  }

  /** It's on disk when this returns. If it throws, the file is as it was. */
  writeSync(value: T): void {
    const bytes = toBytes(value);
    rmSync(this.#next, { force: true });
    try {
      const fd = openSync(this.#next, NEW_FILE, OWNER_ONLY);
      try {
        // Whatever this process's mask takes away.
        fchmodSync(fd, OWNER_ONLY);
        // A disk that is nearly full takes a part without an error.
        for (let at = 0; at < bytes.length; at += writeSync(fd, bytes, at));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(this.#next, this.path);
    } catch (error) {
      rmSync(this.#next, { force: true });
      throw error;
    }
    syncDirectorySync(dirname(this.path));
  }

  /** It's on disk when this resolves. If it rejects, the file is as it was. */
  async write(value: T): Promise<void> {
    const bytes = toBytes(value);
    await rm(this.#next, { force: true });
    try {
      const file = await open(this.#next, NEW_FILE, OWNER_ONLY);
      try {
        await file.chmod(OWNER_ONLY);
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(this.#next, this.path);
    } catch (error) {
      await rm(this.#next, { force: true });
      throw error;
    }
    await syncDirectory(dirname(this.path));
  }

  #setAside(cause: unknown): void {
    const aside = `${this.path}.damaged`;
    let where = `was set aside as ${basename(aside)}`;
    try {
      renameSync(this.path, aside);
    } catch (error) {
      where = `can't be set aside as ${basename(aside)} (${(error as Error).message})`;
    }
    const message = `${this.path} is damaged and ${where}: ${(cause as Error).message}`;
    this.#onWarning({ code: 'stateDamaged', message, cause });
  }
}

function readFile(path: string): string {
  // Somebody may have put a pipe or a link there by mistake.
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error("it's not a file");
    checkSize(stats.size);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function toBytes(value: unknown): Buffer {
  const bytes = Buffer.from(JSON.stringify(value));
  checkSize(bytes.length);
  return bytes;
}

function checkSize(bytes: number): void {
  if (bytes > MAX_STATE_FILE_BYTES) {
    throw new Error(`it has ${bytes} bytes, and at most ${MAX_STATE_FILE_BYTES} are taken`);
  }
}

// A file's new name is on disk only with its directory. Windows opens no directories, and keeps names by itself.

function syncDirectorySync(path: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(path, O_RDONLY);
  try {
    fsyncSync(fd);
  } catch (error) {
    if (!isUnknownThere(error)) throw error;
  } finally {
    closeSync(fd);
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, O_RDONLY);
  try {
    await directory.sync();
  } catch (error) {
    if (!isUnknownThere(error)) throw error;
  } finally {
    await directory.close();
  }
}

/** There are file systems that can't sync a directory. */
function isUnknownThere(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINVAL';
}
