import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { hasColors } from '../colorsFor';

/** Standard output is for what a command was asked for. */
const STANDARD_ERROR = 2;
/** What is kept of lines that can't be written now, a disk being full for instance. */
const MAX_UNWRITTEN_BYTES = 1_048_576;

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
 * can't be written, since the reader is gone or the disk is full, are dropped: serving is worth more than a log.
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
  const out = pino.destination({ fd: STANDARD_ERROR, sync: true, maxLength: MAX_UNWRITTEN_BYTES });
  out.on('error', () => {});
  return out;
}
