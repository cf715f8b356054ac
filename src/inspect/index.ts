export {
  createInspectionRelay,
  type InspectionRelay,
} from './createInspectionRelay';
export type { RouteStats, RoutesMessage, RunningDelays } from './InspectionMessage';
export type { InspectionRelayOptions } from './InspectionRelayOptions';
export type { InspectionSource } from './InspectionSource';
export type { LeftOut, LeftOutReason } from './LeftOut';
