import type { ReconnectReason } from '../../../machines/vocabulary';
import type { BackendKey } from '../../index';

/** What became of a service's requests since the broker's start, whichever backends it has had: a reload may take it away and bring it back. */
export class ServiceCounts {
  readonly key: BackendKey;
  /** Tries at handing a connection over. */
  attempts = 0;
  handedOff = 0;
  readonly reconnected = new Map<ReconnectReason, number>();

  constructor(key: BackendKey) {
    this.key = key;
  }

  countRoute(way: 'handedOff' | ReconnectReason): void {
    if (way === 'handedOff') this.handedOff += 1;
    else this.reconnected.set(way, (this.reconnected.get(way) ?? 0) + 1);
  }
}
