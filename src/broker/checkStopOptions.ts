import { outOfRange } from '../errors/invalidArgument';
import { type OptionNames, readOptions } from '../errors/readOptions';
import type { StopOptions } from './Broker';

const OPTION_NAMES: OptionNames<StopOptions> = { backends: true };

/**
 * What becomes of the backends.
 *
 * @throws {TypeError | RangeError} with the field and the value.
 */
export function checkStopOptions(options: StopOptions): 'stop' | 'leave' {
  const { backends = 'stop' } = readOptions<StopOptions>('options', options, OPTION_NAMES);
  if (backends !== 'stop' && backends !== 'leave')
    throw outOfRange('backends', '"stop" or "leave"', backends);
  return backends;
}
