import type { ConnectionStatus } from './ConnectionStatus';
import type { InspectedActor, Step } from './InspectedActor';
import type { InspectionStore } from './InspectionStore';

/** The moment that is shown while paused. */
interface Cursor {
  /** The number of the last shown step. */
  readonly seq: number;
  /** Milliseconds since 1970, by the relay's clock. */
  readonly at: number;
}

/** The connection to the relay. */
interface Line {
  readonly status: ConnectionStatus;
  /** When it was lost, in milliseconds since 1970 by this machine's clock; undefined if it wasn't. */
  readonly lostAt: number | undefined;
}

/** What the page shows: the selected actor, and the last step. */
export class ViewerState {
  connection: Line | undefined;
  /** Incremented with each choice of the user. */
  version = 0;
  /** Undefined while live. */
  #cursor: Cursor | undefined;
  #selectedId: string | undefined;
  /** After a restart, an actor with this name replaces the selected one. */
  #selectedName: string | undefined;

  constructor(readonly store: InspectionStore) {}

  /** The number of the last shown step. */
  get seq(): number {
    return this.#cursor?.seq ?? this.store.seq;
  }

  get paused(): boolean {
    return this.#cursor !== undefined;
  }

  /** The time that the page shows: now, or that of the shown step or of the last update. */
  get now(): number {
    return this.#cursor?.at ?? this.lostAt ?? this.store.now();
  }

  /** When the connection to the relay was lost, by the relay's clock; undefined if it's open or never was. */
  get lostAt(): number | undefined {
    const lostAt = this.connection?.lostAt;
    return lostAt === undefined ? undefined : lostAt + this.store.clockOffsetMs;
  }

  /** The selected actor; the first one until one is selected. */
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

  /** Pauses and shows the moment right after a step. */
  goTo({ seq, at }: Step): void {
    this.#showAt({ seq, at });
  }

  /** Shows the selected actor's previous or next step. */
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
