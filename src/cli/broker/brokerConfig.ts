import { dirname, resolve } from 'node:path';
import type { BrokerOptions } from '../../broker';
import {
  type CheckedBrokerOptions,
  checkBrokerOptions,
  checkPathLength,
} from '../../broker/options/checkBrokerOptions';
import { messageOf } from '../../errors/showValue';
import { checkDoubledKeys } from './checkDoubledKeys';
import { type ConfigData, parseConfig } from './configSchema';
import { readTextFile } from './readTextFile';
import type { MetricsAddress } from './serveMetrics';

const BOUNDS = { maxBytes: 1_048_576, timeoutMs: 10_000 };
// A shell passes `<(…)` as such a path; other paths can't be relative to it.
const NO_DIRECTORY = /^\/(dev|proc)\//;

/** A broker's configuration. */
export interface BrokerConfig {
  readonly options: BrokerOptions;
  /** The same, with defaults. */
  readonly checked: CheckedBrokerOptions;
  /** Address of the metrics; omitted if they aren't served. */
  readonly metrics?: MetricsAddress | undefined;
  /** Whether to stop or leave the backends on SIGINT and SIGTERM. */
  readonly onStop: 'stop' | 'leave';
}

/**
 * Reads a broker's configuration from a file or a pipe, at most 1 MiB within 10 s. Paths in it are relative to the file's
 * directory, or to the working directory if the file is in `/dev` or `/proc`.
 * @throws {Error} the file can't be read, isn't JSON, or a field is invalid or there twice; the message names file, field and value (the
 *   promise rejects)
 */
export async function readBrokerConfig(file: string): Promise<BrokerConfig> {
  const text = await readTextFile(file, BOUNDS).catch((cause: Error) => {
    throw new Error(`Can't read the configuration: ${cause.message}`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  namingFile(file, () => checkDoubledKeys(text));
  const { onStop = 'stop', metrics, ...data } = namingFile(file, () => parseConfig(value));
  if (onStop === 'leave' && data.stateDirectory === undefined) {
    throw new Error(
      `${file}: onStop "leave" needs a stateDirectory, so that the next broker finds the backends`,
    );
  }
  const base = NO_DIRECTORY.test(resolve(file)) ? process.cwd() : dirname(resolve(file));
  const from = (path: string): string => resolve(base, path);
  const optional = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : from(path);
  const options: BrokerOptions = {
    ...data,
    socketPath: from(data.socketPath),
    services: data.services.map((service) => ({
      ...service,
      module: from(service.module),
      cwd: optional(service.cwd),
      logFile: optional(service.logFile),
    })),
    endpointDirectory: optional(data.endpointDirectory),
    stateDirectory: optional(data.stateDirectory),
  };
  return {
    options,
    checked: namingFile(file, () => checkBrokerOptions(options)),
    onStop,
    metrics: namingFile(file, () => metrics && metricsAddress(metrics, from)),
  };
}

function metricsAddress(
  { port, socketPath }: NonNullable<ConfigData['metrics']>,
  from: (path: string) => string,
): MetricsAddress {
  if (socketPath === undefined) return { port: port ?? 0 };
  const path = from(socketPath);
  checkPathLength('metrics.socketPath', path);
  return { socketPath: path };
}

/** Adds the file's name to the error of `check`. */
function namingFile<T>(file: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    const lines = messageOf(error).split('\n');
    throw new Error([`${file} is not a broker's configuration:`, ...lines].join('\n  '));
  }
}
