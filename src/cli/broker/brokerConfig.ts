import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { BrokerOptions } from '../../broker';
import type { MetricsAddress } from './serveMetrics';

const milliseconds = z.number().int().min(1);
const count = z.number().int().min(1);

// What the values mean is `BrokerOptions`' to say; here it is only which of them a file can hold.
const configSchema = z.strictObject({
  socketPath: z.string().min(1),
  services: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        version: z.string().min(1),
        module: z.string().min(1),
        args: z.array(z.string()).optional(),
        env: z.record(z.string(), z.string()).optional(),
        execArgv: z.array(z.string()).optional(),
        cwd: z.string().optional(),
        handoff: z.boolean().optional(),
        ackDeadlineMs: milliseconds.optional(),
        logFile: z.string().optional(),
      }),
    )
    .min(1),
  policy: z
    .strictObject({
      maxFailedAttemptsPerWindow: z.number().int().min(0).optional(),
      failedAttemptWindowMs: z.number().min(0).optional(),
    })
    .optional(),
  instance: z.string().optional(),
  ackDeadlineMs: milliseconds.optional(),
  startTimeoutMs: milliseconds.optional(),
  stopTimeoutMs: milliseconds.optional(),
  helloTimeoutMs: milliseconds.optional(),
  maxConnections: count.optional(),
  maxTransfers: count.optional(),
  maxTransfersPerBackend: count.optional(),
  endpointDirectory: z.string().optional(),
  metrics: z
    .union([
      z.strictObject({ port: z.number().int().min(0).max(65_535) }),
      z.strictObject({ socketPath: z.string().min(1) }),
    ])
    .optional(),
});

/** What a configuration holds. */
export interface BrokerConfig extends BrokerOptions {
  /** Where Prometheus finds the broker's metrics. Left out: nowhere. */
  readonly metrics?: MetricsAddress | undefined;
}

function describe({ issues }: z.ZodError): string {
  return issues
    .map(({ path, message }) => `  ${path.length > 0 ? path.join('.') : '(the whole file)'}: ${message}`)
    .join('\n');
}

/**
 * Reads a broker's configuration. Paths in it are relative to the file's own directory.
 * @throws Error the file can't be read, isn't JSON, or a field is wrong; the message names file, field and value
 */
export async function readBrokerConfig(file: string): Promise<BrokerConfig> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new Error(`Can't read the configuration: ${cause.message}`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw new Error(`${file} is not a broker's configuration:\n${describe(parsed.error)}`);
  const { data } = parsed;
  const base = dirname(resolve(file));
  const from = (path: string): string => resolve(base, path);
  return {
    ...data,
    socketPath: from(data.socketPath),
    services: data.services.map((service) => ({
      ...service,
      module: from(service.module),
      cwd: service.cwd === undefined ? undefined : from(service.cwd),
      logFile: service.logFile === undefined ? undefined : from(service.logFile),
    })),
    endpointDirectory: data.endpointDirectory === undefined ? undefined : from(data.endpointDirectory),
    metrics:
      data.metrics !== undefined && 'socketPath' in data.metrics
        ? { socketPath: from(data.metrics.socketPath) }
        : data.metrics,
  };
}
