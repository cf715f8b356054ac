import type { ConnectRoundEmitted, ConnectRoundEvent, RoundOutcome } from '../../machines';

/** The passing of the deadline, as XState names it. */
export const DEADLINE_EVENT = 'xstate.after.deadline.connectRound.trying.first.open.expecting';

/** What happens to a round: the chart's events, and the passing of its deadline. */
export type RoundHappening =
  | (Exclude<ConnectRoundEvent, { type: 'route.torn' | 'route.garbled' }> & { readonly on?: never })
  | { readonly type: 'route.torn' | 'route.garbled'; readonly on: 'first' | 'second' }
  | { readonly type: typeof DEADLINE_EVENT; readonly on?: never };

type RouteState = 'unused' | 'open' | 'closed';

/**
 * An independent model of a round in plain code. It must share no code with `machines` or `src`.
 */
export class RoundModel {
  first: RouteState = 'unused';
  second: RouteState = 'unused';
  /** Whether it is known where the round leads to. */
  hasTarget = false;
  wasAnnounced = false;
  /** Whether the broker has given a reason to reconnect. */
  isTold = false;
  outcome: RoundOutcome | undefined;
  /** Whether a deadline runs. */
  isTimed = false;
  /** Whether it runs anew, from what happened last. */
  isTimedAnew = false;
  #told: ConnectRoundEmitted[] = [];

  /** What has to be done when this happens. */
  take(event: RoundHappening): ConnectRoundEmitted[] {
    this.#told = [];
    this.isTimedAnew = false;
    if (this.outcome === undefined) this.#take(event);
    return this.#told;
  }

  #take(event: RoundHappening): void {
    if (event.type === 'round.cancelled') this.#end({ type: 'cancelled' });
    else if (event.type === 'route.torn') this.#fail('connectionLost');
    else if (event.type === 'route.garbled') this.#fail('protocolError');
    else if (event.type === 'round.started') {
      if (this.first === 'unused') this.#start(event.clientKnows);
    } else if (event.type === DEADLINE_EVENT) {
      if (this.isTimed) this.#attach();
    } else if (event.type.startsWith('first.')) {
      if (this.first === 'open') this.#takeFirst(event);
    } else if (this.second === 'open') {
      this.#takeSecond(event.type);
    }
  }

  #start(clientKnows: boolean): void {
    this.first = 'open';
    this.hasTarget = clientKnows;
    this.isTimed = clientKnows;
    this.isTimedAnew = clientKnows;
    this.#told.push({ type: 'ask' });
  }

  #takeFirst(event: RoundHappening): void {
    const isLost = this.second !== 'unused';
    switch (event.type) {
      case 'first.announced':
        if (this.wasAnnounced || !this.#follow(event.namesAnother, !isLost)) {
          this.#fail('protocolError');
          return;
        }
        this.wasAnnounced = true;
        this.isTimed = !isLost;
        this.isTimedAnew = !isLost;
        return;
      case 'first.ready':
        if (this.wasAnnounced) this.#told.push({ type: 'remember' });
        this.#end({ type: 'connected', route: 'handedOff' });
        return;
      case 'first.reconnect':
        if (!this.#follow(event.namesAnother, true)) {
          this.#fail('protocolError');
          return;
        }
        this.isTold = true;
        this.first = 'closed';
        this.#told.push({ type: 'close', route: 'first' });
        this.#goOn();
        return;
      case 'first.error':
        if (isLost) {
          this.first = 'closed';
          this.#told.push({ type: 'close', route: 'first' });
          this.#goOn();
        } else if (event.answer === 'stale') {
          this.#told.push({ type: 'forget' });
          this.#again('none');
        } else if (event.answer === 'retryable') {
          this.#again('asTold');
        } else {
          this.#fail(event.answer);
        }
        return;
      case 'first.lost':
        this.first = 'closed';
        if (!this.hasTarget || (!this.wasAnnounced && !isLost && event.loss !== 'ended')) {
          this.#again('own', event.loss === 'nobodyThere');
        } else {
          this.#goOn();
        }
        return;
    }
  }

  #takeSecond(type: RoundHappening['type']): void {
    switch (type) {
      case 'second.ready':
        this.#end({
          type: 'connected',
          route: 'reconnected',
          reason: this.isTold ? 'told' : 'backendAckTimeout',
        });
        return;
      case 'second.claimed':
        this.second = 'closed';
        this.#told.push({ type: 'close', route: 'second' });
        break;
      case 'second.error':
        this.second = 'closed';
        this.#told.push({ type: 'forget' }, { type: 'close', route: 'second' });
        break;
      case 'second.lost':
        this.second = 'closed';
        this.#told.push({ type: 'forget' });
        break;
    }
    this.#goOn();
  }

  /** Whether the round may lead where the frame says. */
  #follow(namesAnother: boolean, isNews: boolean): boolean {
    const leadsElsewhere = this.hasTarget && namesAnother;
    if (leadsElsewhere && this.second !== 'unused') return false;
    if (leadsElsewhere) this.#told.push({ type: 'forget' });
    if (isNews) this.#told.push({ type: 'follow' });
    this.hasTarget = true;
    return true;
  }

  #attach(): void {
    this.isTimed = false;
    this.second = 'open';
    this.#told.push({ type: 'forget' }, { type: 'attach' });
  }

  /** A route was closed: is there another one? */
  #goOn(): void {
    if (this.second === 'unused') this.#attach();
    else if (this.first === 'closed' && this.second === 'closed') this.#again('own');
  }

  #again(pause: 'none' | 'asTold' | 'own', isBrokerMissing = false): void {
    this.#end({ type: 'again', pause, isBrokerMissing });
  }

  #fail(code: Extract<RoundOutcome, { type: 'failed' }>['code']): void {
    this.#end({ type: 'failed', code });
  }

  #end(outcome: RoundOutcome): void {
    this.isTimed = false;
    this.outcome = outcome;
    this.#told.push({ type: 'ended', outcome });
  }
}
