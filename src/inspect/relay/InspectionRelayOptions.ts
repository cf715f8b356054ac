import type { HandoffController } from '../../controller/HandoffController';
import type { LeftOut } from '../messages/LeftOut';

/** Options of `createInspectionRelay`. */
export interface InspectionRelayOptions {
  /** Attached from the start. */
  readonly controller?: HandoffController | undefined;
  /**
   * The TCP port, on 127.0.0.1.
   * @default 0: any free one
   */
  readonly port?: number | undefined;
  /**
   * Other origins whose pages may watch and send, such as the development server of an app to be watched
   * (`http://localhost:5173`).
   * @default none: the relay's own page, and programs that are no browsers
   */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * Also serves a page that frames Stately's hosted inspector and passes on to it what happens. That page's content comes
   * from the network. `true`: https://stately.ai/inspect.
   * @default false
   */
  readonly stately?: boolean | string | undefined;
  /**
   * Told what was left out and who was turned away since the relay's start: when it begins, and then at most once in 10
   * seconds, if it has become more. What it throws is ignored.
   */
  readonly onLeftOut?: ((leftOut: LeftOut) => void) | undefined;
}
