import type { BackendIdentity } from '../../protocol/backendIdentity';
import type { AdoptableBackend } from '../options/BrokerOptions';

/** Keeps on record which processes there are, for a later broker. */
export interface ProcessRecords {
  /** A process is about to be started. If it throws, the process isn't. */
  add(identity: BackendIdentity): void;
  /** It runs. */
  complete(backend: AdoptableBackend): void;
  /** A process, own or adopted, is gone, or has left to bring to an end what it has. */
  remove(backend: string): void;
}
