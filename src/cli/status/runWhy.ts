import { pickVersion } from '../../broker/clients/pickVersion';
import { replicaName } from '../../controller/BackendKey';
import type { BackendSummary, BrokerSummary } from '../../protocol/brokerStatus';
import { colorsFor } from '../colorsFor';
import { askStatus } from './askStatus';

/** Most backends named in an error; a broker may have thousands. */
const NAMED_BACKENDS = 20;

export interface WhyOptions {
  readonly socketPath: string;
  /** `service`, or `service@` and a version or range, with `#` and the number of a replica from 2 on. */
  readonly backend: string;
  /** Print a JSON object instead of text. */
  readonly json: boolean;
}

/**
 * Prints whether the next request of a client that supports handoff would be handed over, and why.
 * @throws {Error} the status can't be read, or there is no such backend (the promise rejects)
 */
export async function runWhy({ socketPath, backend: wanted, json }: WhyOptions): Promise<void> {
  const { broker, backends } = await askStatus(socketPath);
  const backend = find(wanted, backends);
  process.stdout.write(`${json ? JSON.stringify(backend) : inWords(backend, broker)}\n`);
}

/** The backend that the broker would pick. */
function find(wanted: string, backends: readonly BackendSummary[]): BackendSummary {
  const [, name = wanted, number] = /^(.+)#([1-9]\d*)$/.exec(wanted) ?? [];
  const replica = number === undefined || number === '1' ? undefined : Number(number);
  const at = name.lastIndexOf('@');
  const [service, range] = at > 0 ? [name.slice(0, at), name.slice(at + 1)] : [name, '*'];
  const candidates = backends.filter((each) => each.service === service);
  const picked = pickVersion(
    candidates.map(({ version }) => version),
    range,
  );
  if (picked === 'badVersion') throw new Error(`${range} is not a semantic version or range`);
  const found = candidates.find((each) => each.version === picked && each.replica === replica);
  if (found !== undefined) return found;
  const known = backends.slice(0, NAMED_BACKENDS).map(nameOf);
  const more = backends.length - known.length;
  const all = known.join(', ') + (more > 0 ? ` and ${more} more` : '');
  throw new Error(`The broker has no backend ${wanted || '""'}; it has ${all || 'none'}`);
}

function nameOf({ service, version, replica }: BackendSummary): string {
  return replicaName({ serviceName: service, serviceVersion: version, replica });
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function inWords(backend: BackendSummary, { policy }: BrokerSummary): string {
  const name = nameOf(backend);
  const { next, window } = backend;
  const colors = colorsFor(process.stdout);
  const { answer } = next;
  const lines =
    backend.process === 'ready'
      ? [
          answer === 'attempt'
            ? colors.green(`${name}: the next request would be handed over.`)
            : colors.yellow(`${name}: the next request would reconnect, for reason ${answer}.`),
          next.because,
        ]
      : [
          colors.red(`${name}: the next request would get a retryable error.`),
          `The backend accepts no connections: its process is ${backend.process}. Otherwise: ${next.because}`,
        ];
  if (next.retryAfterMs !== undefined)
    lines.push(`Handoff is possible again in ${seconds(next.retryAfterMs)}.`);
  lines.push('', `The chart is in ${backend.state}: ${backend.stateMeans}`);
  if (window !== undefined) {
    const of = `${window.failedAttempts} of ${policy.maxFailedAttemptsPerWindow} failed attempts`;
    lines.push(`The window has ${of}, and ${seconds(window.remainingMs)} left.`);
  }
  const reasons = Object.entries(backend.reconnected).map(([reason, count]) => `${count} ${reason}`);
  const reconnected = reasons.length === 0 ? 'none reconnected' : `reconnected: ${reasons.join(', ')}`;
  lines.push(`So far ${backend.handedOff} were handed over; ${reconnected}.`);
  return lines.join('\n');
}
