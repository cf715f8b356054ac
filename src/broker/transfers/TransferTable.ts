import {
  type HandoffTransferEmitted,
  type HandoffTransferEvent,
  type HandoffTransferSnapshot,
  handoffTransfer,
  type TransferOutcome,
} from '../../../machines';
import { type ChartEffects, type ChartNode, ChartTable } from '../../chart/ChartTable';
import { transferEventOf } from './transferSymbols';

type AttemptValue = HandoffTransferSnapshot['value']['attempt'];

/** Where a transfer is. */
export type TransferState = Extract<AttemptValue, string> | Exclude<AttemptValue, string>['pending'];

/** What an event does to a transfer, as the chart said. */
export interface TransferEdge {
  readonly next: TransferNode;
  readonly announces: boolean;
  readonly sends: boolean;
  readonly outcome: TransferOutcome | undefined;
  readonly closes: boolean;
}

/** One state of a transfer's chart. */
export interface TransferNode extends ChartNode<typeof handoffTransfer, TransferEdge> {
  readonly state: TransferState;
  readonly isOver: boolean;
  /** Nothing can happen any more. */
  readonly isDone: boolean;
}

/** The chart of a transfer as a table. */
export class TransferTable extends ChartTable<
  typeof handoffTransfer,
  HandoffTransferEmitted,
  TransferEdge,
  TransferNode
> {
  constructor() {
    // Which state the deadline leads to doesn't depend on its length.
    super(handoffTransfer, { ackDeadlineMs: 1 });
  }

  protected override eventOf(symbol: number): HandoffTransferEvent {
    return transferEventOf(symbol);
  }

  protected override nameOf({ value }: HandoffTransferSnapshot): string {
    return JSON.stringify(value);
  }

  protected override makeNode(snapshot: HandoffTransferSnapshot): TransferNode {
    const { attempt } = snapshot.value;
    const isOver = typeof attempt === 'string';
    return {
      snapshot,
      state: isOver ? attempt : attempt.pending,
      isOver,
      isDone: snapshot.status === 'done',
      edges: [],
    };
  }

  protected override makeEdge(
    _from: TransferNode,
    next: TransferNode,
    _event: HandoffTransferEvent,
    { emitted }: ChartEffects<HandoffTransferEmitted>,
  ): TransferEdge {
    return {
      next,
      announces: emitted.some(({ type }) => type === 'announce'),
      sends: emitted.some(({ type }) => type === 'send'),
      outcome: emitted.find((told) => told.type === 'ended')?.outcome,
      closes: emitted.some(({ type }) => type === 'close'),
    };
  }
}
