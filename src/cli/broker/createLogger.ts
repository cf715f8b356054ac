import { constants, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { hasColors } from '../colorsFor';

/** Standard output is for what a command was asked for. */
const STANDARD_ERROR = 2;
/** What is kept of lines that can't be written now, a disk being full for instance. */
const MAX_UNWRITTEN_BYTES = 1_048_576;
const FLUSH_AGAIN_MS = 100;
// What a slow reader is given for the last lines, at the process's end.
const LAST_FLUSH_MS = 500;

/** How much is logged. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** One JSON object a line; otherwise text for people. */
  readonly json: boolean;
  readonly level: LogLevel;
  /**
   * Where the lines go.
   * @default standard error
   */
  readonly destination?: DestinationStream | undefined;
}

/**
 * Logs to standard error. Each line is written before the call returns, so that none is lost at the process's end. Lines that
 * can't be written, since the reader is gone or stands still or the disk is full, are kept up to a bound and then dropped:
 * serving is worth more than a log.
 */
export function createLogger({ json, level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    // No process id and host name: the log's keeper knows them, and people don't need them.
    base: null,
    messageKey: 'message',
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const out = destination ?? standardError();
  if (json) return pino(options, out);
  // Not its stream, which writes later.
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
  // Not flushSync, which tries again without an end while the disk is full: the broker would stand still.
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
 * The same pipe or terminal once more, but so that a write fails while nobody reads: otherwise a reader that stands still
 * would stop the whole broker. The one that was given is shared with other processes, which don't expect that of it.
 */
function withoutBlocking(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO() && !isatty(fd)) return fd;
    const { O_APPEND, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
  } catch {
    // Not on this system, or another user's.
    return fd;
  }
}
