import type { ConnectionStatus } from './ConnectionStatus';
import type { InspectedActor, Step } from './InspectedActor';
import type { InspectionStore } from './InspectionStore';

/** What the page shows of what was received: which actor, and up to which step. */
export class ViewerState {
  connection: { readonly status: ConnectionStatus } | undefined;
  /** Grows with each choice. */
  version = 0;
  /** Undefined: live. */
  #cursor: number | undefined;
  #selectedId: string | undefined;
  /** An actor of the same name takes the place of the chosen one after a restart. */
  #selectedName: string | undefined;

  constructor(readonly store: InspectionStore) {}

  /** The last step that is shown. */
  get seq(): number {
    return this.#cursor ?? this.store.seq;
  }

  get paused(): boolean {
    return this.#cursor !== undefined;
  }

  /** Now; or when what is shown happened. */
  get now(): number {
    return this.#shownStep()?.at ?? this.store.now();
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
    this.#showAt(this.#cursor ?? this.store.seq);
  }

  resume(): void {
    this.#showAt(undefined);
  }

  /** Shows everything as it was right after a step. */
  goTo({ seq }: Step): void {
    this.#showAt(seq);
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

  #showAt(cursor: number | undefined): void {
    this.#cursor = cursor;
    this.store.hold(cursor !== undefined);
    this.version++;
  }

  #shownStep(): Step | undefined {
    return this.#cursor === undefined ? undefined : this.selected?.stepAt(this.#cursor);
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
