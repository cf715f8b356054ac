/** A service of the demo. */
export interface DemoService {
  readonly name: string;
  readonly version: string;
  readonly behaviour: 'healthy' | 'refusing' | 'silent';
  /** Whether the service's policy allows handoff. */
  readonly handoff: boolean;
  /** Its share of the clients' requests, relative to the sum of all weights. */
  readonly weight: number;
}

export const DEMO_SERVICES: readonly DemoService[] = [
  { name: 'echo', version: '1.4.2', behaviour: 'healthy', handoff: true, weight: 10 },
  { name: 'echo', version: '2.0.0', behaviour: 'healthy', handoff: true, weight: 10 },
  { name: 'refusing', version: '1.0.0', behaviour: 'refusing', handoff: true, weight: 2 },
  { name: 'silent', version: '1.0.0', behaviour: 'silent', handoff: true, weight: 2 },
  { name: 'policy-off', version: '1.0.0', behaviour: 'healthy', handoff: false, weight: 2 },
];
