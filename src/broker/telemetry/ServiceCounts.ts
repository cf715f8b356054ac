import type { ReconnectReason } from '../../../machines/vocabulary';
import type { BackendKey } from '../../index';

/** A service's counts since the broker's start. They continue when a reload removes the service and adds it again. */
export class ServiceCounts {
  readonly key: BackendKey;
  /** Handoff attempts. */
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
