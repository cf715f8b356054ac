import { once } from 'node:events';
import { createBroker } from '../../broker';
import { messageOf } from '../../errors/showValue';
import { readBrokerConfig } from './brokerConfig';
import { type BrokerSignal, takeSignals } from './brokerSignals';
import { createLogger } from './createLogger';
import { InspectionSwitch } from './InspectionSwitch';
import { logBroker } from './logBroker';
import type { LogLevel } from './logLevels';
import { MetricsSwitch } from './MetricsSwitch';
import { rootWarnings } from './rootWarnings';

export interface RunBrokerOptions {
  /** Path of the configuration. */
  readonly config: string;
  /** Log one JSON object per line, even on a terminal. */
  readonly json: boolean;
  readonly logLevel: LogLevel;
  /** The viewer to attach at the start; undefined: none until SIGUSR2. */
  readonly inspect: 'own' | 'stately' | undefined;
  /** TCP port of the viewer on 127.0.0.1; 0: any free one. */
  readonly inspectPort: number;
  /** Ends the broker. */
  readonly signal: AbortSignal;
}

/**
 * Runs a broker until `signal` aborts, and logs to standard error. SIGHUP reloads the configuration.
 * @throws {Error} the configuration is invalid, or the broker can't start (the promise rejects)
 */
export async function runBroker(options: RunBrokerOptions): Promise<void> {
  const { config, json, signal } = options;
  const read = await readBrokerConfig(config);
  let { onStop } = read;
  const logger = createLogger({ json: json || !process.stderr.isTTY, level: options.logLevel });
  for (const warning of rootWarnings()) logger.warn(warning);
  const broker = await createBroker(read.options);
  const endLog = logBroker(broker, logger);
  const inspection = new InspectionSwitch(broker, {
    port: options.inspectPort,
    stately: options.inspect === 'stately',
    logger,
  });
  const metrics = new MetricsSwitch(broker, logger);
  let isReloadWaiting = false;
  let reloads: Promise<void> = Promise.resolve();
  const reload = async (): Promise<void> => {
    isReloadWaiting = false;
    if (signal.aborted) return;
    try {
      const next = await readBrokerConfig(config);
      const { added, removed } = await metrics.change(next.metrics, () => broker.reload(next.options));
      ({ onStop } = next);
      logger.info({ added, removed }, 'configuration reloaded');
    } catch (error) {
      // A reload that fails because the broker stops needs no message.
      if (signal.aborted) return;
      logger.warn(`the configuration is unchanged: ${messageOf(error)}`);
    }
  };
  const onSignal = (name: BrokerSignal): void => {
    if (signal.aborted) {
      logger.info({ signal: name }, 'ignored: the broker is stopping');
    } else if (name === 'SIGUSR2') {
      void inspection.toggle();
    } else if (!isReloadWaiting) {
      // Reload one at a time, so that the latest configuration wins. A waiting reload reads the file when its turn comes.
      isReloadWaiting = true;
      reloads = reloads.then(reload);
    }
  };
  try {
    await metrics.change(read.metrics, async () => {});
    if (options.inspect !== undefined) await inspection.attach();
    takeSignals(onSignal);
    const backends = broker.backends().length;
    logger.info({ socketPath: broker.socketPath, backends, pid: process.pid }, 'listening');
    if (!signal.aborted) await once(signal, 'abort');
    logger.info({ backends: onStop }, 'stopping');
  } finally {
    await inspection.close();
    await broker.stop({ backends: onStop });
    await reloads;
    // Last, so that metrics and log cover the stop.
    await metrics.close();
    endLog();
  }
  logger.info('stopped');
}
