import type { ReconnectReason } from '../../../machines/vocabulary';
import { backendKeyText } from '../../controller/BackendKey';
import type { BackendKey } from '../../index';
import type { BrokerClientErrorCode } from '../../protocol/errorCodes';
import type { RefusedAnswer } from '../transfers/TransferQueue';
import type { BrokerStats } from './BrokerStatus';
import { ServiceCounts } from './ServiceCounts';

/** Counts since a broker's start: in total and by service. */
export class BrokerCounts {
  connections = 0;
  abandoned = 0;
  clientsLeft = 0;
  #handedOff = 0;
  readonly #reconnected = new Map<ReconnectReason, number>();
  readonly #errors = new Map<BrokerClientErrorCode, number>();
  readonly #answers: Record<RefusedAnswer, number> = {
    late: 0,
    replayed: 0,
    foreign: 0,
    unknown: 0,
    malformed: 0,
  };
  // Includes services that a reload removed: their counts continue if they are added again.
  readonly #services = new Map<string, ServiceCounts>();

  countRoute(way: 'handedOff' | ReconnectReason): void {
    if (way === 'handedOff') this.#handedOff += 1;
    else increment(this.#reconnected, way);
  }

  countError(code: BrokerClientErrorCode): void {
    increment(this.#errors, code);
  }

  countRefusedAnswer(why: RefusedAnswer): void {
    this.#answers[why] += 1;
  }

  /** The counts of a service; they continue if it was removed and added again. */
  ofService(key: BackendKey): ServiceCounts {
    const text = backendKeyText(key);
    const counts = this.#services.get(text) ?? new ServiceCounts(key);
    this.#services.set(text, counts);
    return counts;
  }

  /** The counts of every service since the start. */
  services(): readonly ServiceCounts[] {
    return [...this.#services.values()];
  }

  stats(): BrokerStats {
    const { late, replayed, foreign, unknown, malformed } = this.#answers;
    return {
      connections: this.connections,
      handedOff: this.#handedOff,
      reconnected: Object.fromEntries(this.#reconnected),
      abandoned: this.abandoned,
      clientsLeft: this.clientsLeft,
      errors: Object.fromEntries(this.#errors),
      lateAcks: late,
      replayedAcks: replayed,
      foreignAcks: foreign,
      unknownAcks: unknown,
      malformedAcks: malformed,
    };
  }
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
