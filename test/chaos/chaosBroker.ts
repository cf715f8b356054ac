// The broker of a chaos run: its options are the first argument, as JSON.
import { type BrokerOptions, createBroker } from '../../src/broker';
import { ChaosControl } from './ChaosControl';
import type { ChaosCommand } from './controlMessage';
import { EventLog } from './EventLog';

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? '') as BrokerOptions;
  let dieAt: (ChaosCommand & { fault: 'dieAt' })['state'] | undefined;
  let report = (): void => {};
  const control = new ChaosControl('broker', 'broker', (command) => {
    if (command.fault === 'dieAt') dieAt = command.state;
    else if (command.fault === 'report') report();
  });
  const broker = await createBroker(options);
  const log = new EventLog(broker);
  for (const event of ['backendReady', 'backendRejoined', 'backendExit', 'warning'] as const) {
    broker.on(event, (facts: object) => console.error(process.pid, event, JSON.stringify(facts)));
  }
  console.error(process.pid, 'started', JSON.stringify(broker.adoptableBackends()));
  broker.on('transfer', ({ state }) => {
    if (state === dieAt) process.kill(process.pid, 'SIGKILL');
  });
  report = () => {
    const backends = broker.backends();
    control.say({
      type: 'report',
      connections: backends.reduce((sum, { inFlight }) => sum + inFlight, 0),
      inFlight: backends.reduce((sum, { inFlight }) => sum + inFlight, 0),
      ready: backends.every(({ process: state }) => state === 'ready'),
      wrongCharts: log.wrongCharts(),
    });
  };
  process.once('SIGTERM', () => void broker.stop().then(() => process.exit(0)));
  control.say({ type: 'ready' });
}

void main();
