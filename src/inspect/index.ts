export {
  createInspectionRelay,
  type InspectionRelay,
  type InspectionRelayOptions,
} from './createInspectionRelay';
export type { RouteStats, RoutesMessage, RunningDelays } from './InspectionMessage';
export type { InspectionSource } from './InspectionSource';
export type { LeftOut, LeftOutReason } from './LeftOut';
