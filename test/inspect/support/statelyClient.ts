import { createActor, createMachine } from 'xstate';
import { HandoffAttemptInputs, HandoffController } from '../../../src';

// A process of its own, since Jest can't load the client, which is an ES module.
const [url] = process.argv.slice(2);

async function main(): Promise<void> {
  const { createWebSocketInspector } = await import('@statelyai/inspect');
  const { inspect } = createWebSocketInspector({ url: String(url) });

  const controller = new HandoffController({ inspect, policy: { maxFailedAttemptsPerWindow: 1 } });
  const files = { instance: 'shared', serviceName: 'files', serviceVersion: '2.1.0' };
  controller.shouldAttempt(files, HandoffAttemptInputs.enabled());
  controller.recordFailedAttempt(files, 'permissionDenied');

  const light = createMachine({
    id: 'light',
    initial: 'green',
    states: {
      green: { on: { TIMER: 'yellow' } },
      yellow: { after: { 600000: 'red' } },
      red: { initial: 'walk', states: { walk: { on: { COUNTDOWN: 'wait' } }, wait: { type: 'final' } } },
    },
  });
  createActor(light, { inspect }).start().send({ type: 'TIMER' });
}

void main();
