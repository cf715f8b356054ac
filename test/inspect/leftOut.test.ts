import fc from 'fast-check';
import { InspectionHub } from '../../src/inspect/relay/InspectionHub';
import { KeptBudget } from '../../src/inspect/relay/KeptBudget';
import { SenderPeer } from '../../src/inspect/relay/SenderPeer';
import { leftOutText } from '../../src/inspect/viewer/parts/leftOutText';
import { InspectionStore } from '../../src/inspect/viewer/store/InspectionStore';

test('the page shows the number of refusals and the reasons', () => {
  const store = new InspectionStore();
  store.receive({ type: '@handoff.leftOut', counts: { tooLarge: 1_234, peers: 1 } });
  expect(leftOutText(store.leftOut)).toBe(
    '1,234 messages over 1 MiB, 1 connections closed for breaking the protocol or not reading',
  );
  store.receive({ type: '@handoff.welcome', relayId: 'another', now: 0 });
  expect(store.leftOut).toEqual({});
});

test('any JSON of a sender is passed on or counted, and nothing is thrown', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('x:0', 'active', 'done', '1', '__proto__', '{"states":{}}'),
  );
  const fields = fc.record(
    {
      type: fc.constantFrom('@xstate.actor', '@xstate.event', '@xstate.snapshot', 'other'),
      sessionId: text,
      rootId: fc.option(text),
      createdAt: fc.constantFrom('1', 'x', 1),
      name: text,
      definition: fc.oneof(text, fc.json()),
      event: fc.oneof(fc.record({ type: text, data: fc.jsonValue() }), fc.jsonValue()),
      snapshot: fc.oneof(
        fc.record({ status: fc.oneof(text, fc.jsonValue()), value: fc.jsonValue() }),
        fc.jsonValue(),
      ),
    },
    { requiredKeys: ['type'] },
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(fields, fc.jsonValue())), (messages) => {
      const hub = new InspectionHub();
      const sender = new SenderPeer(hub, new KeptBudget(), '1:');
      for (const message of messages) sender.receive(Buffer.from(JSON.stringify(message)), false);
      sender.end();
      const count = Object.values(hub.leftOut).reduce((sum, each) => sum + each, 0);
      expect(count).toBeLessThanOrEqual(messages.length);
    }),
  );
});
