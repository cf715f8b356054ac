import { raise, type SnapshotFrom, setup } from 'xstate';
import { type ChartEffects, type ChartNode, ChartTable } from '../../src/chart/ChartTable';

type Event = { readonly type: 'go' } | { readonly type: 'raised' };

/** The delay is scheduled in front of what the other region raises. */
const chart = setup({ types: { events: {} as Event }, actions: { note: () => {} } }).createMachine({
  type: 'parallel',
  states: {
    timed: { initial: 'off', states: { off: { on: { go: 'on' } }, on: { after: { 1000: 'off' } } } },
    raising: {
      initial: 'off',
      states: { off: { on: { go: 'on' } }, on: { entry: ['note', raise({ type: 'raised' })] } },
    },
  },
});
type Chart = typeof chart;

interface Edge {
  readonly next: Node;
  readonly effects: ChartEffects<never>;
}
type Node = ChartNode<Chart, Edge>;

class Table extends ChartTable<Chart, never, Edge, Node> {
  computed = 0;

  constructor() {
    super(chart, undefined);
  }

  protected override eventOf(): Event {
    return { type: 'go' };
  }

  protected override nameOf({ value }: SnapshotFrom<Chart>): string {
    return JSON.stringify(value);
  }

  protected override makeNode(snapshot: SnapshotFrom<Chart>): Node {
    return { snapshot, edges: [] };
  }

  protected override makeEdge(_from: Node, next: Node, _event: Event, effects: ChartEffects<never>): Edge {
    this.computed += 1;
    return { next, effects };
  }
}

describe('a chart as a table', () => {
  it('sees a delay that is scheduled, whatever else is raised', () => {
    const table = new Table();
    const { next, effects } = table.edge(table.initial, 0);
    expect(next.snapshot.value).toEqual({ timed: 'on', raising: 'on' });
    expect(effects).toEqual({ emitted: [], armsTimer: true });
    expect(table.edge(next, 0)).toEqual({ next, effects: { emitted: [], armsTimer: false } });
  });

  it('has the chart compute each transition once', () => {
    const table = new Table();
    expect(table.edge(table.initial, 0)).toBe(table.edge(table.initial, 0));
    expect(table.computed).toBe(1);
    expect(table.size).toBe(2);
  });
});
