import { once } from 'node:events';
import { backendDisplayName } from '../../BackendKey';
import { type Broker, createBroker } from '../../broker';
import { readBrokerConfig } from './brokerConfig';

export interface RunBrokerOptions {
  /** Path of the configuration. */
  readonly config: string;
  /** Only check the configuration. */
  readonly check: boolean;
  /** Log one JSON object a line instead of text. */
  readonly json: boolean;
  /** Ends the broker. */
  readonly signal: AbortSignal;
}

type Facts = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Logs to standard error: standard output is for what a command was asked for. */
function logTo(json: boolean): (level: 'info' | 'warn', message: string, facts?: Facts) => void {
  return (level, message, facts = {}) => {
    const time = new Date().toISOString();
    if (json) {
      process.stderr.write(`${JSON.stringify({ time, level, message, ...facts })}\n`);
      return;
    }
    const details = Object.entries(facts)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ` ${name}=${value}`);
    process.stderr.write(`${time} ${level} ${message}${details.join('')}\n`);
  };
}

function logEvents(broker: Broker, log: ReturnType<typeof logTo>): void {
  broker.on('backendReady', ({ backend, pid, endpoint, adopted }) =>
    log('info', 'backend ready', { backend: backendDisplayName(backend), pid, endpoint, adopted }),
  );
  broker.on('backendExit', ({ backend, pid, code, signal, restartInMs }) =>
    log('warn', 'backend exited', { backend: backendDisplayName(backend), pid, code, signal, restartInMs }),
  );
  broker.on('warning', ({ code, message }) => log('warn', message, { code }));
  broker.on('transfer', ({ backend, state, failure, connectionId }) => {
    if (state === 'failed') {
      log('warn', 'handoff failed', { backend: backendDisplayName(backend), failure, connectionId });
    }
  });
}

/**
 * Runs a broker until `signal` aborts, and logs to standard error. SIGHUP reads the configuration again.
 * @throws Error the configuration is wrong, or the broker can't start
 */
export async function runBroker({ config, check, json, signal }: RunBrokerOptions): Promise<void> {
  let { options, onStop } = await readBrokerConfig(config);
  if (check) {
    process.stdout.write(json ? `${JSON.stringify({ config, valid: true })}\n` : `${config} is valid.\n`);
    return;
  }
  const log = logTo(json);
  const broker = await createBroker(options);
  logEvents(broker, log);
  log('info', 'listening', { socketPath: broker.socketPath, backends: broker.backends().length });
  const reload = async (): Promise<void> => {
    try {
      const next = await readBrokerConfig(config);
      const { added, removed } = await broker.reload(next.options);
      ({ onStop } = next);
      log('info', 'configuration reloaded', { added: added.join(' '), removed: removed.join(' ') });
    } catch (error) {
      log('warn', `the configuration stays as it was: ${(error as Error).message}`);
    }
  };
  const onHangUp = (): void => void reload();
  process.on('SIGHUP', onHangUp);
  if (!signal.aborted) await once(signal, 'abort');
  log('info', 'stopping', { backends: onStop });
  await broker.stop({ backends: onStop });
  process.off('SIGHUP', onHangUp);
  log('info', 'stopped');
}
