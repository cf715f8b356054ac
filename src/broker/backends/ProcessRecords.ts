import type { BackendIdentity } from '../../protocol/backendIdentity';
import type { AdoptableBackend } from '../options/BrokerOptions';

/** Records the processes for a later broker. */
export interface ProcessRecords {
  /** Records a process before its start. If it throws, the process isn't started. */
  add(identity: BackendIdentity): void;
  /** Adds the process id and start time of a started process. */
  complete(backend: AdoptableBackend): void;
  /** Removes a process that has ended. */
  remove(backend: string): void;
}
