import type { HandoffController } from '../../controller/HandoffController';
import type { LeftOut } from '../messages/LeftOut';

/** Options of `createInspectionRelay`. */
export interface InspectionRelayOptions {
  /** A controller to attach at the start. */
  readonly controller?: HandoffController | undefined;
  /**
   * TCP port on 127.0.0.1, 0 to 65,535; 0 picks a free one.
   * @default 0
   */
  readonly port?: number | undefined;
  /**
   * Further origins whose pages may view and send, such as an app's development server (`http://localhost:5173`).
   * @default none: only the relay's own page, and programs that aren't browsers
   */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * Also serves a page that frames Stately's hosted inspector and passes the messages on to it. The framed page comes from the
   * network. `true` means https://stately.ai/inspect; a string is another address.
   * @default false
   */
  readonly stately?: boolean | string | undefined;
  /**
   * Called with the refused messages and connections since the relay's start: at the first one, then at most every 10 seconds
   * while the counts grow. Its errors are ignored.
   */
  readonly onLeftOut?: ((leftOut: LeftOut) => void) | undefined;
}
