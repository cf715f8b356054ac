import { outOfRange } from '../../errors/invalidArgument';
import { type OptionNames, readOptions } from '../../errors/readOptions';

/** Options of `Broker.stop`. */
export interface StopOptions {
  /**
   * `stop` ends the backends; `leave` leaves them running for a later broker to adopt.
   * @default 'stop'
   */
  readonly backends?: 'stop' | 'leave' | undefined;
}

const OPTION_NAMES: OptionNames<StopOptions> = { backends: true };

/**
 * Checks the options of `Broker.stop`.
 *
 * @returns what to do with the backends.
 * @throws {TypeError | RangeError} an option is invalid or unknown; the message names the field and the value.
 */
export function checkStopOptions(options: StopOptions): 'stop' | 'leave' {
  const { backends = 'stop' } = readOptions<StopOptions>('options', options, OPTION_NAMES);
  if (backends !== 'stop' && backends !== 'leave')
    throw outOfRange('backends', '"stop" or "leave"', backends);
  return backends;
}
