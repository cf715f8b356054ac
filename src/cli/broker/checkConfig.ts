import { checkSocketPlace, checkStartable } from '../../broker/backends/checkStartable';
import { messageOf, showPath } from '../../errors/showValue';
import { readBrokerConfig } from './brokerConfig';
import { rootWarnings } from './rootWarnings';

/**
 * Checks whether a broker could start, and prints the result. Starts nothing.
 *
 * @param config path of the configuration
 * @throws {Error} the first problem found (the promise rejects)
 */
export async function checkConfig(config: string, json: boolean): Promise<void> {
  const warnings = rootWarnings();
  try {
    const { checked, metrics } = await readBrokerConfig(config);
    checkStartable(checked);
    if (metrics !== undefined && 'socketPath' in metrics) checkSocketPlace(metrics.socketPath);
  } catch (error) {
    const result = { config, valid: false, error: messageOf(error), warnings };
    if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
    throw error;
  }
  const text = [`${showPath(config)} is valid.`, ...warnings].join('\n');
  process.stdout.write(`${json ? JSON.stringify({ config, valid: true, warnings }) : text}\n`);
}
