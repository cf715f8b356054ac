import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInspectionRelay, type InspectionRelay } from '../../src/inspect';
import { InspectionStore } from '../../src/inspect/viewer/store/InspectionStore';
import { compiled } from '../support/compiled';
import { eventually } from '../support/eventually';
import { Watcher } from './support/Watcher';

/** What the page keeps of everything that was sent to a watcher. */
function pageOf(watcher: Watcher): InspectionStore {
  const store = new InspectionStore();
  for (const message of watcher.messages) store.receive(message);
  return store;
}

describe('an app with the client of @statelyai/inspect', () => {
  let relay: InspectionRelay;
  let watcher: Watcher;
  let child: ChildProcess;
  const named = (name: string) => [...pageOf(watcher).actors.values()].find((actor) => actor.name === name);
  beforeAll(async () => {
    relay = await createInspectionRelay();
    watcher = await Watcher.watch(relay.url, '?batched');
    const client = compiled('test/inspect/support/anyAppClient.ts');
    child = spawn(process.execPath, [client, relay.url.replace('http', 'ws')], { stdio: 'inherit' });
    await eventually('the last event', () => named('long')?.latest?.event.type === 'ADD');
  });
  afterAll(async () => {
    child.kill();
    await once(child, 'exit');
    await watcher.close();
    await relay.close();
  });

  test('has its actors without an id shown, of every kind', () => {
    const roots = [...pageOf(watcher).actors.values()].slice(0, 5);
    expect(roots.map(({ name }) => name)).toEqual(Array(5).fill(expect.stringMatching(/^x:\d+$/)));
    expect(roots.map(({ latest }) => latest?.snapshot?.status)).toEqual(Array(5).fill('active'));
    expect(roots[0]?.definition).toContain('"600000"');
  });

  test('has an actor that ended within its first tick shown with its name and chart', () => {
    const brief = named('brief');
    expect(brief).toMatchObject({ gone: true, failure: undefined });
    expect(brief?.definition).toContain('"always":"end"');
    expect(brief?.latest?.snapshot).toMatchObject({ status: 'done', value: 'end' });
  });

  test('has children that reject or throw shown as failed, by name and with the error', () => {
    expect(named('rejecting')).toMatchObject({ gone: true, failure: { error: 'no luck' } });
    expect(named('throwing')).toMatchObject({ gone: true, failure: { error: 'thrown later' } });
    expect(named('parent')).toMatchObject({ gone: false });
  });

  test('loses a message over the limit alone, and a long type is cut', () => {
    const types = named('long')
      ?.steps()
      .map(({ event: { type } }) => type);
    expect(types).toEqual(['xstate.init', `${'L'.repeat(500)}…`, 'ADD']);
    expect(relay.leftOut()).toEqual({ tooLarge: 2 });
    expect(named('long')?.latest?.snapshot?.context).toBe(1);
  });

  test('has nothing of ended actors sent to a newcomer', async () => {
    const late = await Watcher.watch(relay.url, '?batched');
    await late.find('@xstate.actor', ({ name }) => name === 'long');
    const names = [...pageOf(late).actors.values()].map(({ name }) => name);
    for (const ended of ['brief', 'rejecting', 'throwing']) expect(names).not.toContain(ended);
    expect(late.all('@handoff.definition').map(({ definition }) => definition)).not.toContainEqual(
      expect.stringContaining('"always":"end"'),
    );
    await late.close();
  });
});
