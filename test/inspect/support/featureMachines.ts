import {
  type AnyStateMachine,
  and,
  assign,
  createMachine,
  fromPromise,
  not,
  or,
  raise,
  setup,
  stateIn,
} from 'xstate';

/** An event with data that the machines' guards read. */
export interface FeatureEvent {
  readonly type: string;
  readonly ok?: boolean;
  readonly amount?: number;
}

const guarded = setup({
  types: { events: {} as FeatureEvent, context: {} as { readonly count: number } },
  guards: {
    isOk: ({ event }) => event.ok === true,
    isLarge: ({ event }, { over }: { readonly over: number }) => (event.amount ?? 0) > over,
    isFull: ({ context }) => context.count >= 3,
  },
  actors: { work: fromPromise(() => new Promise<void>(() => {})) },
  delays: { patience: 600_000 },
});

/** Machines of different features, by the feature. */
export const FEATURE_MACHINES: Readonly<Record<string, AnyStateMachine>> = {
  'flat cycle': createMachine({
    id: 'light',
    initial: 'green',
    states: {
      green: { on: { NEXT: 'yellow' } },
      yellow: { on: { NEXT: 'red' } },
      red: { on: { NEXT: 'green', OFF: { target: 'off' } } },
      off: { type: 'final' },
    },
  }),
  'no id': createMachine({ initial: 'a', states: { a: { on: { GO: 'b' } }, b: { on: { BACK: 'a' } } } }),
  'keys with dots': createMachine({
    id: 'release',
    initial: 'v1.0',
    states: {
      'v1.0': { on: { UP: 'v1\\.1', SKIP: '#release.v2\\.0.stable', OWN: '#out' } },
      'v1.1': {
        initial: 'rc.1',
        states: { 'rc.1': { on: { UP: 'rc\\.2' } }, 'rc.2': {} },
        on: { UP: 'v2\\.0' },
      },
      'v2.0': { initial: 'stable', states: { stable: {}, 'v2.0': {} }, on: { BACK: 'v1\\.0', OUT: '#out' } },
      gone: { id: 'out', on: { BACK: 'v1\\.1.rc\\.2' } },
    },
  }),
  'ids with dots': createMachine({
    id: 'shop.v2',
    initial: 'cart',
    states: {
      cart: { id: 'shop.cart', on: { PAY: '#shop\\.pay', DEEP: '#shop\\.pay.card' } },
      pay: {
        id: 'shop.pay',
        initial: 'cash',
        states: {
          cash: { on: { CARD: 'card' } },
          card: { on: { BACK: '#shop\\.cart', TOP: '#shop\\.v2.cart' } },
        },
      },
    },
  }),
  'states that share an id': createMachine({
    id: 'm',
    initial: 'a',
    states: {
      'a.b': { on: { GO: 'a' } },
      a: { initial: 'b', states: { b: { on: { GO: '#m.a\\.b' } } } },
    },
  }),
  'spaces and signs in names': createMachine({
    id: 'state state',
    initial: 'a b',
    states: {
      'a b': { on: { 'c d': 'a', c: 'dot' } },
      a: { on: { 'b c d': 'a b' } },
      dot: { id: 'block state state', initial: 'x', states: { x: {} }, on: { '"quoted" <b>': 'a' } },
    },
  }),
  history: createMachine({
    id: 'player',
    initial: 'on',
    states: {
      on: {
        initial: 'slow',
        states: {
          slow: { on: { FAST: 'fast' } },
          fast: { initial: 'one', states: { one: { on: { MORE: 'two' } }, two: {} } },
          last: { history: true },
          typed: { type: 'history' },
          deep: { history: 'deep' },
          fallback: { type: 'history', history: 'shallow', target: 'fast' },
        },
        on: { OFF: 'off' },
      },
      off: { on: { ON: 'on', LAST: 'on.last', TYPED: 'on.typed', DEEP: 'on.deep', FALLBACK: 'on.fallback' } },
    },
  }),
  'history of regions': createMachine({
    id: 'regions',
    initial: 'work',
    states: {
      work: {
        type: 'parallel',
        states: {
          left: { initial: 'l1', states: { l1: { on: { L: 'l2' } }, l2: { on: { L: 'l1' } } } },
          right: { initial: 'r1', states: { r1: { on: { R: 'r2' } }, r2: { on: { R: 'r1' } } } },
          past: { history: 'deep', target: 'right.r2' },
        },
        on: { PAUSE: 'paused' },
      },
      paused: { on: { RESUME: 'work.past', RESTART: 'work' } },
    },
  }),
  wildcards: createMachine({
    id: 'wild',
    initial: 'a',
    states: {
      a: { on: { 'foo.bar.baz': 'b', 'foo.bar.*': 'c', 'foo.*': 'd', '*': 'e' } },
      b: { on: { '*': 'a' } },
      c: { on: { 'back.*': 'a', back: 'd' } },
      d: { on: { 'back.now.*': 'a', 'back.*': 'b' } },
      e: { on: { back: 'a' } },
    },
  }),
  'guards of guards': guarded.createMachine({
    id: 'guards',
    context: { count: 0 },
    initial: 'a',
    states: {
      a: {
        on: {
          GO: [
            { guard: or(['isOk', { type: 'isLarge', params: { over: 10 } }]), target: 'b' },
            { guard: not(and(['isOk', 'isFull'])), target: 'c' },
            { target: 'd' },
          ],
          LOOK: { guard: stateIn('a'), target: 'd' },
          ANY: [{ guard: ({ event }) => event.ok === true, target: 'b' }, { target: 'c' }],
        },
      },
      b: { on: { BACK: { guard: { type: 'isLarge', params: { over: 5 } }, target: 'a' } } },
      c: { on: { BACK: 'a' } },
      d: { on: { BACK: [{ guard: 'isOk', target: 'a' }] } },
    },
  }),
  invokes: guarded.createMachine({
    id: 'invokes',
    context: { count: 0 },
    initial: 'loading',
    states: {
      loading: {
        invoke: [
          {
            id: 'user',
            src: 'work',
            onDone: [{ guard: 'isFull', target: 'full' }, 'ready'],
            onError: 'failed',
          },
          { src: 'work', onDone: { actions: () => {} }, onError: [{ target: 'failed' }], onSnapshot: '.' },
          { src: fromPromise(() => new Promise<void>(() => {})), onDone: 'ready' },
        ],
        initial: 'first',
        states: { first: {} },
      },
      ready: { entry: assign({ count: ({ context }) => context.count + 1 }), on: { AGAIN: 'loading' } },
      full: { type: 'final', output: { reason: 'full' } },
      failed: { tags: ['error', 'retryable'], meta: { text: 'Try again' }, on: { AGAIN: 'loading' } },
    },
    output: { from: 'machine' },
  }),
  delays: guarded.createMachine({
    id: 'delays',
    context: { count: 0 },
    initial: 'waiting',
    states: {
      waiting: {
        after: {
          600000: 'slow',
          '6e5': { guard: 'isOk', target: 'lost' },
          patience: [{ guard: 'isOk', target: 'slow' }, { target: 'lost' }],
        },
        on: { GO: 'slow' },
      },
      slow: { after: { 700000: { target: 'lost', reenter: true } }, on: { BACK: 'waiting' } },
      lost: {},
    },
  }),
  'targets of all kinds': createMachine({
    id: 'targets',
    initial: 'a',
    on: { ROOT: '.b', SELF: { actions: 'note' }, ID: '#deep', ANEW: { target: '.a', reenter: true } },
    states: {
      a: {
        initial: 'x',
        on: {
          IN: '.y',
          OUT: 'b',
          SELF: 'a',
          ANEW: { target: 'a', reenter: true },
          NONE: {},
          EMPTY: { target: undefined },
        },
        states: { x: { on: { UP: '#a2', NEXT: 'y' } }, y: { id: 'deep', on: { TO: '#targets.b' } } },
        id: 'a2',
      },
      b: { on: { PATH: 'a.y', BACK: { target: ['a'] } } },
    },
  }),
  'several targets': createMachine({
    id: 'several',
    initial: 'start',
    states: {
      start: { on: { GO: { target: ['both.left.l2', 'both.right.r2'] } } },
      both: {
        type: 'parallel',
        states: {
          left: { initial: 'l1', states: { l1: {}, l2: { on: { X: 'l1' } } } },
          right: { initial: 'r1', states: { r1: {}, r2: { on: { X: 'r1', OUT: '#several.start' } } } },
        },
        on: { OUT: 'start' },
      },
    },
  }),
  'chains of eventless transitions': guarded.createMachine({
    id: 'chain',
    context: { count: 0 },
    initial: 'idle',
    states: {
      idle: {
        on: {
          GO: 'check',
          DIRECT: 'three',
          MAYBE: [{ guard: 'isOk', target: 'three' }, { target: 'check' }],
        },
      },
      check: { always: [{ guard: 'isFull', target: 'end' }, { target: 'two' }] },
      two: { always: 'three' },
      three: {
        on: { BACK: { target: 'idle', actions: assign({ count: ({ context }) => context.count + 1 }) } },
      },
      end: { type: 'final' },
    },
  }),
  'done states': createMachine({
    id: 'done',
    initial: 'task',
    states: {
      task: {
        initial: 'one',
        states: { one: { on: { NEXT: 'two' } }, two: { on: { NEXT: 'end' } }, end: { type: 'final' } },
        onDone: [{ target: 'regions' }],
      },
      regions: {
        type: 'parallel',
        states: {
          a: {
            initial: 'a1',
            states: { a1: { on: { A: 'a2', BOTH: 'a2' } }, a2: { type: 'final' } },
            onDone: { actions: 'note' },
          },
          b: { initial: 'b1', states: { b1: { on: { B: 'b2', BOTH: 'b2' } }, b2: { type: 'final' } } },
        },
        onDone: 'after',
      },
      after: { on: { AGAIN: 'task' } },
    },
  }),
  'regions that react together': createMachine({
    id: 'together',
    type: 'parallel',
    states: {
      a: { initial: 'off', states: { off: { on: { FLIP: 'on' } }, on: { on: { FLIP: 'off', A: 'off' } } } },
      b: { initial: 'off', states: { off: { on: { FLIP: 'on' } }, on: { on: { FLIP: 'off' } } } },
      c: {
        initial: 'off',
        states: { off: { on: { A: 'on' } }, on: { always: { guard: () => true, target: 'off' } } },
      },
    },
  }),
  'regions in conflict': createMachine({
    id: 'conflict',
    initial: 'p',
    states: {
      p: {
        type: 'parallel',
        states: {
          a: { initial: 'a1', states: { a1: { on: { X: 'a2', Y: '#out' } }, a2: { on: { X: '#out' } } } },
          b: { initial: 'b1', states: { b1: { on: { X: '#out', Y: 'b2' } }, b2: { on: { X: 'b1' } } } },
        },
        on: { X: 'out' },
      },
      out: { id: 'out', on: { X: 'p' } },
    },
  }),
  'raised events': createMachine({
    id: 'raise',
    initial: 'a',
    states: {
      a: { on: { GO: { target: 'b', actions: raise({ type: 'INNER' }) }, PLAIN: 'b' } },
      b: { on: { INNER: 'c', BACK: 'a' } },
      c: { entry: raise({ type: 'HOME' }), on: { HOME: 'd' } },
      d: { on: { BACK: 'a' } },
    },
  }),
  routes: createMachine({
    id: 'routes',
    initial: 'home',
    states: {
      home: { id: 'home', route: {} },
      list: {
        id: 'list',
        route: {},
        initial: 'all',
        states: { all: {}, one: { id: 'item', route: {} } },
      },
      plain: {},
    },
  }),
  'overridden handlers': createMachine({
    id: 'over',
    initial: 'a',
    states: {
      a: {
        on: { 'xstate.done.state.over.a': 'b', GO: 'b' },
        onDone: 'c',
        initial: 'x',
        states: { x: { on: { END: 'y' } }, y: { type: 'final' } },
      },
      b: { on: { BACK: 'a' } },
      c: { on: { BACK: 'a' } },
    },
  }),
  'deep composer': deepComposer(),
  'deep credit check': deepCreditCheck(),
};

/** An editor with regions in regions: two levels of JSON for each level of states. */
function deepComposer(): AnyStateMachine {
  return createMachine({
    id: 'composer',
    initial: 'readOnly',
    states: {
      readOnly: {
        id: 'readOnly',
        initial: 'structure',
        on: { EDIT: '#editing' },
        states: {
          structure: {
            type: 'parallel',
            on: { WAVES: 'waves', METADATA: 'structure.details.metadata' },
            states: {
              selection: {
                initial: 'none',
                states: {
                  none: {
                    entry: ['reset', 'redraw'],
                    on: { PICK: [{ target: 'some', actions: ['store'] }], CLEAR: 'none' },
                  },
                  some: {
                    on: {
                      CLEAR: { target: 'none' },
                      PICK: [{ target: 'some', reenter: true, actions: 'store' }],
                    },
                  },
                },
              },
              details: {
                initial: 'summary',
                states: {
                  summary: { on: { METADATA: [{ target: 'metadata' }] } },
                  metadata: {
                    initial: 'closed',
                    states: {
                      closed: { on: { OPEN: ['open'] } },
                      open: {
                        on: { CLOSE: ['closed'], SUMMARY: '#composer.readOnly.structure.details.summary' },
                      },
                    },
                  },
                },
              },
            },
          },
          waves: { on: { STRUCTURE: { target: 'structure' } } },
        },
      },
      editing: { id: 'editing', on: { READ: ['readOnly'] } },
    },
  });
}

/** Regions of requests, each with arrays of ways on. */
function deepCreditCheck(): AnyStateMachine {
  const request = (name: string) => ({
    initial: 'checking',
    states: {
      checking: {
        initial: 'asking',
        states: {
          asking: {
            invoke: {
              id: `${name}.report`,
              src: `ask${name}`,
              onDone: [{ target: 'answered', guard: 'isFresh', actions: ['store'] }, { target: 'stale' }],
              onError: [{ target: 'failed', actions: [{ type: 'note', params: { name } }] }],
            },
          },
          stale: { on: { RETRY: [{ target: 'asking' }] } },
          answered: { type: 'final' as const },
          failed: { type: 'final' as const },
        },
        onDone: [{ target: 'known', guard: 'isStored' }, { target: 'unknown' }],
      },
      known: { type: 'final' as const },
      unknown: { type: 'final' as const },
    },
  });
  return createMachine({
    id: 'credit',
    initial: 'form',
    states: {
      form: { on: { SUBMIT: { target: 'verifying', reenter: true } } },
      verifying: {
        initial: 'identity',
        states: {
          identity: {
            invoke: { src: 'verify', onDone: [{ target: 'scores' }], onError: { target: '#credit.form' } },
          },
          scores: {
            type: 'parallel',
            states: { Equal: request('Equal'), Uni: request('Uni'), Grav: request('Grav') },
            onDone: [{ target: 'decided' }],
          },
          decided: { type: 'final' },
        },
        onDone: 'end',
      },
      end: { type: 'final' },
    },
  });
}
