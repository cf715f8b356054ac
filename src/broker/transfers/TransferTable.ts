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

/** State of a transfer. */
export type TransferState = Extract<AttemptValue, string> | Exclude<AttemptValue, string>['pending'];

/** An event's effect on a transfer, computed by the chart. */
export interface TransferEdge {
  readonly next: TransferNode;
  readonly announces: boolean;
  readonly sends: boolean;
  readonly outcome: TransferOutcome | undefined;
  readonly closes: boolean;
}

/** A state of the chart. */
export interface TransferNode extends ChartNode<typeof handoffTransfer, TransferEdge> {
  readonly state: TransferState;
  readonly isOver: boolean;
  /** The chart is in its final state. */
  readonly isDone: boolean;
}

/** The chart `handoffTransfer` as a lookup table. */
export class TransferTable extends ChartTable<
  typeof handoffTransfer,
  HandoffTransferEmitted,
  TransferEdge,
  TransferNode
> {
  constructor() {
    // Any value: the deadline's target doesn't depend on its length.
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
