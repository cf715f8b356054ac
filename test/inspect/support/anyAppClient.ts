import {
  type AnyActorLogic,
  assign,
  createActor,
  createMachine,
  fromCallback,
  fromObservable,
  fromPromise,
  fromTransition,
  sendTo,
} from 'xstate';

// A process of its own, since Jest can't load the client, which is an ES module.
const [url] = process.argv.slice(2);

const once = { subscribe: () => ({ unsubscribe() {} }) };
const failing = createMachine({
  initial: 'a',
  context: { child: undefined as unknown },
  invoke: [{ id: 'rejecting', src: fromPromise(() => Promise.reject('no luck')), onError: {} }],
  entry: [
    assign({
      child: ({ spawn }) =>
        spawn(
          createMachine({
            initial: 'x',
            states: {
              x: {
                on: {
                  GO: {
                    actions: () => {
                      throw 'thrown later';
                    },
                  },
                },
              },
            },
          }),
          { id: 'throwing' },
        ),
    }),
    sendTo('throwing', { type: 'GO' }),
  ],
  states: { a: {} },
  on: { 'xstate.error.actor.throwing': {} },
});
const BRIEF = createMachine({ initial: 'a', states: { a: { always: 'end' }, end: { type: 'final' } } });
const ROOTS: readonly AnyActorLogic[] = [
  createMachine({ initial: 'red', states: { red: { after: { 600000: 'green' } }, green: {} } }),
  fromPromise(() => new Promise(() => {})),
  fromCallback(() => {}),
  fromObservable(() => once),
  fromTransition(
    (count: number, { type }: { readonly type: string }) => (type === 'ADD' ? count + 1 : count),
    0,
  ),
];

async function main(): Promise<void> {
  const { createWebSocketInspector } = await import('@statelyai/inspect');
  const { inspect } = createWebSocketInspector({ url: String(url) });
  for (const logic of ROOTS) createActor(logic, { inspect }).start();
  createActor(BRIEF, { inspect, id: 'brief' }).start();
  createActor(failing, { inspect, id: 'parent' }).start();
  const long = createActor(ROOTS[4] as AnyActorLogic, { inspect, id: 'long' }).start();
  long.send({ type: 'L'.repeat(600) });
  long.send({ type: 'BIG', data: Array.from({ length: 2_000 }, () => 'x'.repeat(1_000)) });
  long.send({ type: 'ADD' });
  setTimeout(() => {}, 600_000);
}

void main();
