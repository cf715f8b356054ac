import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { BrokerOptions } from '../../broker';
import { readTextFile } from './readTextFile';
import type { MetricsAddress } from './serveMetrics';

const BOUNDS = { maxBytes: 1_048_576, timeoutMs: 10_000 };
// What a shell makes of `<(…)` is no place that other paths could be relative to.
const NO_DIRECTORY = /^\/(dev|proc)\//;

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
  stateDirectory: z.string().min(1).optional(),
  onStop: z.enum(['stop', 'leave']).optional(),
});

function describe({ issues }: z.ZodError): string {
  return issues
    .map(({ path, message }) => `  ${path.length > 0 ? path.join('.') : '(the whole file)'}: ${message}`)
    .join('\n');
}

/** What a configuration says. */
export interface BrokerConfig {
  readonly options: BrokerOptions;
  /** Where Prometheus finds the broker's metrics. Left out: nowhere. */
  readonly metrics?: MetricsAddress | undefined;
  /** What becomes of the backends when the broker is told to stop. */
  readonly onStop: 'stop' | 'leave';
}

/**
 * Reads a broker's configuration from a file, or from a pipe to its end; of at most 1 MiB, within 10 s. Paths in it are
 * relative to the file's own directory; if that is below `/dev` or `/proc`, to the working directory.
 * @throws Error the file can't be read, isn't JSON, or a field is wrong; the message names file, field and value
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
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw new Error(`${file} is not a broker's configuration:\n${describe(parsed.error)}`);
  const { onStop = 'stop', metrics, ...data } = parsed.data;
  if (onStop === 'leave' && data.stateDirectory === undefined) {
    throw new Error(
      `${file}: onStop 'leave' needs a stateDirectory, or nobody would find the backends again`,
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
    onStop,
    metrics:
      metrics !== undefined && 'socketPath' in metrics ? { socketPath: from(metrics.socketPath) } : metrics,
  };
}
