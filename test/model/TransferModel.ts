import type { HandoffTransferEmitted, HandoffTransferEvent, TransferOutcome } from '../../machines';

/** The passing of the deadline, as XState names it. */
export const DEADLINE_EVENT = 'xstate.after.ackDeadline.handoffTransfer.attempt.pending';

/** What happens to a transfer: the chart's events, and the passing of its deadline. */
export type TransferHappening = HandoffTransferEvent | { readonly type: typeof DEADLINE_EVENT };

/**
 * An independent model of a transfer in plain code. It must share no code with `machines` or `src`.
 */
export class TransferModel {
  state: 'issued' | 'announced' | 'sent' | 'acknowledged' | 'failed' | 'abandoned' = 'issued';
  isInChannel = false;
  /** This process's copy of the connection at the end: closed here, or left to the code that answers the client. */
  copy: 'kept' | 'closed' | 'left' = 'kept';
  #mayWrite = false;

  get isOver(): boolean {
    return this.state === 'acknowledged' || this.state === 'failed' || this.state === 'abandoned';
  }

  /** What has to be done when this happens. */
  take(event: TransferHappening): HandoffTransferEmitted[] {
    const told: HandoffTransferEmitted[] = [];
    const end = (outcome: TransferOutcome): void => {
      if (this.isOver) return;
      this.state = outcome.type;
      this.#mayWrite = outcome.mayWrite;
      told.push({ type: 'ended', outcome });
    };
    const fail = (
      failure: 'permissionDenied' | 'integrityMismatch' | 'backendAckTimeout',
      mayWrite: boolean,
    ): void => end({ type: 'failed', failure, mayWrite });
    const send = (hasReadTooFar: boolean): void => {
      if (hasReadTooFar) {
        end({ type: 'abandoned', cause: 'readTooFar', reason: 'transferLimit', mayWrite: true });
      } else {
        this.state = 'sent';
        this.isInChannel = true;
        told.push({ type: 'send' });
      }
    };
    const wasSent = this.state === 'sent';
    switch (event.type) {
      case 'turn.came':
        if (this.state !== 'issued') break;
        if (!event.clientKnows) {
          this.state = 'announced';
          told.push({ type: 'announce' });
        } else {
          send(event.hasReadTooFar);
        }
        break;
      case 'announcement.failed':
        if (this.state === 'announced') end({ type: 'abandoned', cause: 'clientLeft', mayWrite: false });
        break;
      case 'announcement.written':
        if (this.state === 'announced') send(event.hasReadTooFar);
        break;
      case 'send.done':
        this.isInChannel = false;
        break;
      case 'send.failed':
        this.isInChannel = false;
        if (!wasSent) break;
        if (event.cause === 'denied') fail('permissionDenied', true);
        else if (event.cause === 'other') fail('backendAckTimeout', false);
        else {
          end({
            type: 'abandoned',
            cause: 'outOfDescriptors',
            reason: 'fdPressureDisabled',
            mayWrite: true,
          });
        }
        break;
      case 'answer.acknowledged':
        if (wasSent) end({ type: 'acknowledged', mayWrite: false });
        break;
      case 'answer.malformed':
        if (wasSent) fail('integrityMismatch', false);
        break;
      case 'answer.refused':
        if (!wasSent) break;
        if (event.code === 'permission') fail('permissionDenied', true);
        else if (event.code === 'integrity') fail('integrityMismatch', true);
        else if (event.code === 'busy') {
          end({ type: 'abandoned', cause: 'busy', reason: 'transferLimit', mayWrite: true });
        } else if (event.code === 'clientLeft') {
          end({ type: 'abandoned', cause: 'clientLeft', mayWrite: false });
        } else fail('backendAckTimeout', false);
        break;
      case 'channel.closed':
        this.isInChannel = false;
        fail('backendAckTimeout', false);
        break;
      case DEADLINE_EVENT:
        fail('backendAckTimeout', !wasSent);
        break;
    }
    if (!this.isOver || this.copy !== 'kept') return told;
    if (this.#mayWrite) {
      this.copy = 'left';
    } else if (!this.isInChannel) {
      this.copy = 'closed';
      told.push({ type: 'close' });
    }
    return told;
  }
}
