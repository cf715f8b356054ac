import type { ConnectionStatus } from './ConnectionStatus';
import type { InspectedActor, Step } from './InspectedActor';
import type { InspectionStore } from './InspectionStore';

/** What the page shows of what was received: which actor, and up to which step. */
export class ViewerState {
  /** Undefined: live. */
  cursor: number | undefined;
  connection: { readonly status: ConnectionStatus } | undefined;
  /** Grows with each choice. */
  version = 0;
  #selectedId: string | undefined;
  /** An actor of the same name takes the place of the chosen one after a restart. */
  #selectedName: string | undefined;

  constructor(readonly store: InspectionStore) {}

  /** The last step that is shown. */
  get seq(): number {
    return this.cursor ?? this.store.seq;
  }

  get paused(): boolean {
    return this.cursor !== undefined;
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
    this.cursor ??= this.store.seq;
    this.version++;
  }

  resume(): void {
    this.cursor = undefined;
    this.version++;
  }

  /** Shows everything as it was right after a step. */
  goTo({ seq }: Step): void {
    this.cursor = seq;
    this.version++;
  }

  /** Shows the chosen actor's step before or after the one that is shown. */
  stepBy(by: -1 | 1): void {
    const actor = this.selected;
    const shown = actor?.stepAt(this.seq);
    if (!actor || !shown) return;
    const steps = actor.steps.toArray();
    const target = steps[steps.indexOf(shown) + by];
    if (target) this.goTo(target);
    else this.pause();
  }

  #shownStep(): Step | undefined {
    return this.cursor === undefined ? undefined : this.selected?.stepAt(this.cursor);
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
