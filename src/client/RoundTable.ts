import {
  type ConnectRoundEmitted,
  type ConnectRoundEvent,
  type ConnectRoundSnapshot,
  connectRound,
} from '../../machines/connectRound';
import { type ChartEffects, type ChartNode, ChartTable } from '../chart/ChartTable';
import { ROUND_EVENTS } from './roundSymbols';

/** An event's effect on a round, computed by the chart. */
export interface RoundEdge {
  readonly next: RoundNode;
  /** The actions, in order. */
  readonly effects: readonly ConnectRoundEmitted[];
  /** The deadline starts now. */
  readonly armsDeadline: boolean;
}

/** One state of a round's chart. */
export interface RoundNode extends ChartNode<typeof connectRound, RoundEdge> {
  readonly isConnected: boolean;
  readonly isOver: boolean;
}

/** The chart `connectRound` as a lookup table. */
export class RoundTable extends ChartTable<typeof connectRound, ConnectRoundEmitted, RoundEdge, RoundNode> {
  constructor() {
    super(connectRound, undefined);
  }

  protected override eventOf(symbol: number): ConnectRoundEvent {
    const event = ROUND_EVENTS[symbol];
    if (event === undefined) throw new Error(`No event of symbol ${symbol}`);
    return event;
  }

  protected override nameOf({ value }: ConnectRoundSnapshot): string {
    return JSON.stringify(value);
  }

  protected override makeNode(snapshot: ConnectRoundSnapshot): RoundNode {
    return {
      snapshot,
      isConnected: snapshot.matches('connected'),
      isOver: snapshot.status === 'done',
      edges: [],
    };
  }

  protected override makeEdge(
    _from: RoundNode,
    next: RoundNode,
    _event: ConnectRoundEvent,
    { emitted, armsTimer }: ChartEffects<ConnectRoundEmitted>,
  ): RoundEdge {
    return { next, effects: emitted, armsDeadline: armsTimer };
  }
}
