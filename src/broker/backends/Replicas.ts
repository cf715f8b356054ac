import type { BackendProcessState } from '../../../machines';
import type { ManagedBackend } from './ManagedBackend';

/** The offered processes of one service and version. */
export class Replicas {
  /** By number; undefined for the first. */
  readonly #members = new Map<number | undefined, ManagedBackend>();
  /** The one that was picked longest ago first. */
  readonly #byPick = new Set<ManagedBackend>();

  [Symbol.iterator](): Iterator<ManagedBackend> {
    return this.#members.values();
  }

  get size(): number {
    return this.#members.size;
  }

  /** The state of the first. */
  get state(): BackendProcessState | undefined {
    return this.#members.get(undefined)?.state;
  }

  /** @param replica undefined for the first. */
  find(replica: number | undefined): ManagedBackend | undefined {
    return this.#members.get(replica);
  }

  add(backend: ManagedBackend): void {
    this.#members.set(backend.key.replica, backend);
    this.#byPick.add(backend);
  }

  delete(backend: ManagedBackend): void {
    this.#members.delete(backend.key.replica);
    this.#byPick.delete(backend);
  }

  /**
   * The process for a client. A client that names a ready process gets that one, since it may already be at its endpoint.
   * Otherwise the order is: can be handed to, fewest open connections, picked longest ago.
   *
   * @param named id of the process that the client names.
   * @returns undefined if none is ready.
   */
  pick(named: string | undefined): ManagedBackend | undefined {
    let best: ManagedBackend | undefined;
    let bestToHandTo: ManagedBackend | undefined;
    for (const member of this.#byPick) {
      const { target } = member;
      if (target === undefined) continue;
      if (target.identity.backend === named || this.size === 1) return member;
      if (hasFewer(member, best)) best = member;
      // The controller is asked only about one that would be picked.
      if (hasFewer(member, bestToHandTo) && member.canBeHandedTo) bestToHandTo = member;
    }
    return bestToHandTo ?? best;
  }

  /** A client is sent to the process. */
  countPick(member: ManagedBackend): void {
    this.#byPick.delete(member);
    this.#byPick.add(member);
    member.countPick();
  }
}

function hasFewer(one: ManagedBackend, other: ManagedBackend | undefined): boolean {
  return other === undefined || one.openConnections < other.openConnections;
}
