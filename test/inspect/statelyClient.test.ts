import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInspectionRelay } from '../../src/inspect';
import { compiled } from '../support/compiled';
import { Watcher } from './support/Watcher';

test('the client of @statelyai/inspect works as a controller\u2019s observer, and reaches the relay', async () => {
  const relay = await createInspectionRelay();
  const watcher = await Watcher.watch(relay.url, '?batched');
  const client = compiled('test/inspect/support/statelyClient.ts');
  const child: ChildProcess = spawn(process.execPath, [client, relay.url.replace('http', 'ws')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    const backend = await watcher.find('@xstate.actor', ({ name }) => name === 'files@2.1.0');
    await watcher.find(
      '@xstate.snapshot',
      ({ sessionId, snapshot }) =>
        sessionId === backend.sessionId && JSON.stringify(snapshot.value).includes('rateLimited'),
    );
    const definitions = () => watcher.all('@handoff.definition').map(({ definition }) => definition);
    expect(definitions().some((text) => text.includes('failedAttemptRateLimited'))).toBe(true);
    const light = await watcher.find('@xstate.actor', ({ name }) => name === 'light');
    await watcher.find(
      '@xstate.snapshot',
      ({ sessionId, snapshot }) => sessionId === light.sessionId && snapshot.value === 'yellow',
    );

    const late = await Watcher.watch(relay.url);
    const told = await late.find('@xstate.actor', ({ name }) => name === 'files@2.1.0');
    expect(told.snapshot?.value).toEqual({ handoff: 'rateLimited', window: 'open' });
    await late.close();
  } finally {
    child.kill();
    await once(child, 'exit');
    await watcher.close();
    await relay.close();
  }
});
