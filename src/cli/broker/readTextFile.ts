import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const CHUNK_BYTES = 65_536;
const POLL_MS = 10;

/** Bounds for {@link readTextFile}. */
export interface ReadBounds {
  readonly maxBytes: number;
  /** Milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Reads a UTF-8 text from a file, or from a pipe until its end. Removes a byte-order mark.
 *
 * @throws {Error} it doesn't exist, isn't UTF-8, is longer than `maxBytes`, or doesn't end within `timeoutMs` (the promise
 *   rejects).
 */
export async function readTextFile(path: string, { maxBytes, timeoutMs }: ReadBounds): Promise<string> {
  const late = new AbortController();
  const timeout = sleep(timeoutMs, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${path} did not end within ${timeoutMs} ms`);
  });
  try {
    // A file on a dead network share would block for ever.
    return await Promise.race([readAll(path, maxBytes, late.signal), timeout]);
  } finally {
    timeout.catch(() => {});
    late.abort();
  }
}

async function readAll(path: string, maxBytes: number, late: AbortSignal): Promise<string> {
  // Otherwise opening a pipe blocks until there is a writer, and can't be cancelled.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) throw new Error(`${path} is a directory`);
    const isPipe = stats.isFIFO();
    const chunks: Buffer[] = [];
    let length = 0;
    while (!late.aborted) {
      const chunk = await readChunk(file);
      const isEnd = chunk?.length === 0 && (!isPipe || length > 0);
      if (isEnd) return decode(path, Buffer.concat(chunks));
      // A pipe without a writer yet looks like one that has ended.
      if (chunk === undefined || chunk.length === 0) await sleep(POLL_MS);
      else chunks.push(chunk);
      length += chunk?.length ?? 0;
      if (length > maxBytes) throw new Error(`${path} has more than ${maxBytes} bytes`);
    }
    throw new Error(`${path} was given up`);
  } finally {
    await file.close();
  }
}

/** Undefined if there is nothing yet. */
async function readChunk(file: FileHandle): Promise<Buffer | undefined> {
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}

function decode(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error(`${path} is not text in UTF-8`, { cause });
  }
}
