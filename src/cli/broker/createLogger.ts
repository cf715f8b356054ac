import { constants, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { hasColors } from '../colorsFor';
import type { LogLevel } from './logLevels';

/** Standard output is reserved for the results of commands. */
const STANDARD_ERROR = 2;
/** Most bytes kept of lines that can't be written now, for instance because the disk is full. */
const MAX_UNWRITTEN_BYTES = 1_048_576;
const FLUSH_AGAIN_MS = 100;
// Time for a slow reader to take the last lines at the process's end.
const LAST_FLUSH_MS = 500;

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** One JSON object per line; otherwise readable text. */
  readonly json: boolean;
  readonly level: LogLevel;
  /**
   * Receives the lines.
   * @default standard error
   */
  readonly destination?: DestinationStream | undefined;
}

/**
 * Logs to standard error. Writes each line before the call returns, so that none is lost at the process's end. Lines that
 * can't be written (the reader is gone or stuck, the disk is full) are kept up to 1 MiB and then dropped: logging must not
 * block the broker.
 */
export function createLogger({ json, level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    // No process id and host name: the log collector adds them.
    base: null,
    messageKey: 'message',
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const out = destination ?? standardError();
  if (json) return pino(options, out);
  // Format here: pino-pretty's stream would write later.
  const format = prettyFactory({
    colorize: destination === undefined && hasColors(process.stderr),
    messageKey: 'message',
    singleLine: true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
  });
  return pino(options, { write: (line) => void out.write(format(line)) });
}

function standardError(): DestinationStream {
  let isPatientUntil = 0;
  const out = pino.destination({
    fd: withoutBlocking(STANDARD_ERROR),
    sync: true,
    maxLength: MAX_UNWRITTEN_BYTES,
    retryEAGAIN: () => performance.now() < isPatientUntil,
  });
  // Not flushSync: it retries for ever while the disk is full, which would block the broker.
  const flush = (): void => void out.write('');
  let isWaiting = false;
  const later = (): void => {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(() => {
      isWaiting = false;
      flush();
    }, FLUSH_AGAIN_MS).unref();
  };
  out.on('error', later);
  process.once('exit', () => {
    isPatientUntil = performance.now() + LAST_FLUSH_MS;
    flush();
  });
  return out;
}

/**
 * Opens a pipe or terminal again in non-blocking mode: otherwise a reader that doesn't read would block the broker. Changing
 * the given descriptor's mode would also change it for the other processes that share it.
 */
function withoutBlocking(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO() && !isatty(fd)) return fd;
    const { O_APPEND, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
  } catch {
    // Not possible on this system, or not permitted.
    return fd;
  }
}
