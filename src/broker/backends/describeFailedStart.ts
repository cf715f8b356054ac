import type { ProcessExit } from './BackendProcess';
import type { LogTail } from './LogTail';

/**
 * Says why a started process didn't become ready.
 *
 * @param log its log file; undefined if its output went to the broker's standard error.
 */
export function describeFailedStart(exit: ProcessExit, timedOut: boolean, log: LogTail | undefined): string {
  const how = describeExit(exit, timedOut);
  const lines = log?.lines();
  if (log === undefined || lines === undefined) return how;
  if (lines.length === 0) return `${how}; nothing was written to ${log.path}`;
  return [`${how}; ${log.path} ends with`, ...lines.map((line) => `  ${line}`)].join('\n');
}

function describeExit({ signal, code }: ProcessExit, timedOut: boolean): string {
  if (timedOut) return "it didn't listen in time (does it call serveBackend?)";
  return signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`;
}
