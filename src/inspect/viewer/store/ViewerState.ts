import type { ConnectionStatus } from './ConnectionStatus';
import type { InspectedActor, Step } from './InspectedActor';
import type { InspectionStore } from './InspectionStore';

/** A place in what was received. */
interface Cursor {
  /** Of the last step that is shown. */
  readonly seq: number;
  /** Milliseconds since 1970, by the relay's clock. */
  readonly at: number;
}

/** To the relay. */
interface Line {
  readonly status: ConnectionStatus;
  /** Since when it has been lost, in milliseconds since 1970 by this machine's clock. Undefined: it isn't. */
  readonly lostAt: number | undefined;
}

/** What the page shows of what was received: which actor, and up to which step. */
export class ViewerState {
  connection: Line | undefined;
  /** Grows with each choice. */
  version = 0;
  /** Undefined: live. */
  #cursor: Cursor | undefined;
  #selectedId: string | undefined;
  /** An actor of the same name takes the place of the chosen one after a restart. */
  #selectedName: string | undefined;

  constructor(readonly store: InspectionStore) {}

  /** The last step that is shown. */
  get seq(): number {
    return this.#cursor?.seq ?? this.store.seq;
  }

  get paused(): boolean {
    return this.#cursor !== undefined;
  }

  /** Now; or when what is shown was so. */
  get now(): number {
    return this.#cursor?.at ?? this.lostAt ?? this.store.now();
  }

  /** When the relay was last heard of, by its clock. Undefined: it's there, or has never been. */
  get lostAt(): number | undefined {
    const lostAt = this.connection?.lostAt;
    return lostAt === undefined ? undefined : lostAt + this.store.clockOffsetMs;
  }

  /** The chosen actor; the first one, until there's a choice. */
  get selected(): InspectedActor | undefined {
    const { actors } = this.store;
    const chosen = this.#selectedId === undefined ? undefined : actors.get(this.#selectedId);
    if (chosen && !(chosen.gone && this.#successor())) return chosen;
    return this.#successor() ?? chosen ?? first(actors.values());
  }

  select(actor: InspectedActor): void {
    this.#selectedId = actor.sessionId;
    this.#selectedName = actor.name;
    this.version++;
  }

  pause(): void {
    this.#showAt(this.#cursor ?? { seq: this.store.seq, at: this.now });
  }

  resume(): void {
    this.#showAt(undefined);
  }

  /** Shows everything as it was right after a step. */
  goTo({ seq, at }: Step): void {
    this.#showAt({ seq, at });
  }

  /** Shows the chosen actor's step before or after the one that is shown. */
  stepBy(by: -1 | 1): void {
    const actor = this.selected;
    const shown = actor?.stepAt(this.seq);
    if (!actor || !shown) return;
    const steps = actor.steps();
    const target = steps[steps.indexOf(shown) + by];
    if (target) this.goTo(target);
    else this.pause();
  }

  #showAt(cursor: Cursor | undefined): void {
    this.#cursor = cursor;
    this.store.hold(cursor !== undefined);
    this.version++;
  }

  #successor(): InspectedActor | undefined {
    if (this.#selectedName === undefined) return undefined;
    for (const actor of this.store.actors.values()) {
      if (!actor.gone && actor.name === this.#selectedName) return actor;
    }
    return undefined;
  }
}

function first<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}
