export type { RouteStats, RoutesMessage, RunningDelays } from './messages/InspectionMessage';
export type { LeftOut, LeftOutReason } from './messages/LeftOut';
export {
  createInspectionRelay,
  type InspectionRelay,
} from './relay/createInspectionRelay';
export type { InspectionRelayOptions } from './relay/InspectionRelayOptions';
export type { InspectionSource } from './relay/InspectionSource';
