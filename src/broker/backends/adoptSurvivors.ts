import type { BackendKey } from '../../index';
import { isAskTimeout } from '../../protocol/askEndpoint';
import type { AdoptableBackend } from '../options/BrokerOptions';
import { AdoptedProcess } from './AdoptedProcess';
import type { ProcessTimeouts } from './BackendLife';
import { endIfProved, isStartRight } from './endProcess';
import { inTurn } from './inTurn';
import type { ManagedBackend } from './ManagedBackend';
import type { SharedByLinks } from './ProcessLink';

// Bounded, since each probe needs a descriptor.
const PROBES_AT_A_TIME = 16;
// Bounded: after a reboot there may be thousands.
const MAX_WARNINGS_OF_GONE = 10;

/** Options of {@link adoptSurvivors}. */
export interface AdoptionOptions extends ProcessTimeouts, SharedByLinks {
  /** The embedder's `adopt` option. Those not adopted are left alone, unless one holds its endpoint without answering. */
  readonly given: readonly AdoptableBackend[];
  /** Processes of earlier brokers with the same state directory. Those not adopted are ended: nobody else would. */
  readonly survivors: readonly AdoptableBackend[];
  /** The backends that may adopt a process, best first; empty if there is no such service. */
  readonly candidatesFor: (adoptable: AdoptableBackend) => readonly ManagedBackend[];
  /** Called for each process that isn't adopted. */
  readonly onRefused: (name: string, why: string, cause?: unknown, backend?: BackendKey) => void;
}

type Candidate = { readonly adoptable: AdoptableBackend; readonly isGiven: boolean };

/**
 * Adopts processes of earlier brokers, one for each backend: those started last of those that confirm their identity. Ends
 * the other survivors if their identity is proved.
 *
 * @returns the processes to keep recorded: the adopted ones, and running ones that could be neither adopted nor ended.
 */
export async function adoptSurvivors(options: AdoptionOptions): Promise<AdoptableBackend[]> {
  const { given, survivors, candidatesFor, startTimeoutMs, stopTimeoutMs, onRefused } = options;
  const isGiven = new Set(given.map(({ backend }) => backend));
  const candidates: Candidate[] = [
    ...survivors
      .filter(({ backend }) => !isGiven.has(backend))
      .map((adoptable) => ({ adoptable, isGiven: false })),
    ...given.map((adoptable) => ({ adoptable, isGiven: true })),
  ];
  const there: Candidate[] = [];
  const gone: AdoptableBackend[] = [];
  for (const candidate of candidates) {
    if (isStartRight(candidate.adoptable)) there.push(candidate);
    else gone.push(candidate.adoptable);
  }
  warnOfGone(gone, onRefused);

  const adopted = new Map<AdoptableBackend, ManagedBackend>();
  const pending: Promise<void>[] = [];
  const refuse = (adoptable: AdoptableBackend, why: string, cause?: unknown): void =>
    onRefused(nameOf(adoptable), why, cause, candidatesFor(adoptable)[0]?.key);
  const probed = await inTurn(there, PROBES_AT_A_TIME, async (candidate) => {
    try {
      return { candidate, found: await AdoptedProcess.adopt(candidate.adoptable, startTimeoutMs, options) };
    } catch (error) {
      return { candidate, found: error as Error };
    }
  });
  for (const { candidate, found } of [...probed].reverse()) {
    if (!(found instanceof AdoptedProcess)) continue;
    const backend = candidatesFor(candidate.adoptable).find(({ wasFound }) => !wasFound);
    if (backend === undefined) continue;
    backend.adopt(found);
    pending.push(found.rejoin());
    adopted.set(candidate.adoptable, backend);
  }
  for (const { candidate, found } of probed) {
    const { adoptable, isGiven } = candidate;
    if (adopted.has(adoptable)) continue;
    const [backend] = candidatesFor(adoptable);
    if (found instanceof AdoptedProcess) {
      if (isGiven) found.leave();
      else pending.push(found.stop(stopTimeoutMs));
      refuse(
        adoptable,
        backend === undefined ? 'this broker has no such service' : 'another process was adopted instead',
      );
    } else {
      const isSilent = isAskTimeout(found);
      // The embedder may be wrong about an endpoint that nobody listens on.
      const mayEnd = !isGiven || (isSilent && backend !== undefined);
      const end = async (): Promise<void> => {
        const isEnded = mayEnd && (await endIfProved(adoptable, isSilent ? 0 : stopTimeoutMs));
        refuse(adoptable, isEnded ? `${found.message}; it was ended` : found.message, found);
      };
      pending.push(end());
    }
  }
  await Promise.all(pending);
  const adoptedIds = new Set([...adopted.keys()].map(({ pid }) => pid));
  // One may have ended since its adoption.
  const still = [...adopted].filter(([, { wasFound }]) => wasFound).map(([adoptable]) => adoptable);
  const left = there
    .map(({ adoptable }) => adoptable)
    .filter((one) => one.processStart !== undefined && !adoptedIds.has(one.pid) && isStartRight(one));
  return [...still, ...left];
}

function warnOfGone(gone: readonly AdoptableBackend[], onRefused: AdoptionOptions['onRefused']): void {
  for (const adoptable of gone.slice(0, MAX_WARNINGS_OF_GONE)) {
    onRefused(nameOf(adoptable), 'it has ended; its process id is free or reused');
  }
  const more = gone.length - MAX_WARNINGS_OF_GONE;
  if (more > 0) onRefused(`each of ${more} more recorded processes`, 'it has ended too');
}

function nameOf({ serviceName, serviceVersion, pid }: AdoptableBackend): string {
  return `${serviceName}@${serviceVersion} (process ${pid})`;
}
