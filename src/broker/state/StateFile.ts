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
/** Most bytes that are read or written; far more than a broker's state needs. */
export const MAX_STATE_FILE_BYTES = 16_777_216;

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const NEW_FILE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

/** A JSON file that is replaced atomically, so that a crash never leaves a part of it. One writer at a time. */
export class StateFile<T> {
  readonly path: string;
  /** Path of the new content until it replaces the file. */
  readonly #next: string;
  readonly #parse: (value: unknown) => T;
  readonly #onWarning: (warning: BrokerWarning) => void;

  /** @param parse checks what was read, and throws if it's invalid */
  constructor(path: string, parse: (value: unknown) => T, onWarning: (warning: BrokerWarning) => void) {
    this.path = path;
    this.#next = `${path}.new`;
    this.#parse = parse;
    this.#onWarning = onWarning;
  }

  /** Reads the file; undefined if there is none. Renames a damaged file to `*.damaged`, with a warning. */
  read(): T | undefined {
    try {
      // Left by a writer that was killed.
      rmSync(this.#next, { force: true });
      return this.#parse(JSON.parse(readFile(this.path)));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') this.#setAside(cause);
      return undefined;
    }
  }

  /** Writes the file; it's on disk when this returns. If it throws, the file is unchanged. */
  writeSync(value: T): void {
    const bytes = toBytes(value);
    rmSync(this.#next, { force: true });
    try {
      const fd = openSync(this.#next, NEW_FILE, OWNER_ONLY);
      try {
        // Regardless of the process's umask.
        fchmodSync(fd, OWNER_ONLY);
        // On a nearly full disk a write can be partial without an error.
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

  /** Writes the file; it's on disk when this resolves. If it rejects, the file is unchanged. */
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
  // Don't follow a link, or block on a pipe, that is there by mistake.
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
    throw new Error(`it has ${bytes} bytes; the limit is ${MAX_STATE_FILE_BYTES}`);
  }
}

// A rename is on disk only after its directory was synced. Windows can't open directories and needs no sync.

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

/** Some file systems can't sync a directory. */
function isUnknownThere(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINVAL';
}
