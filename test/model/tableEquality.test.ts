import { getAdjacencyMap } from '@xstate/graph';
import type { AnyStateMachine } from 'xstate';
import {
  type BackendHandoffSnapshot,
  backendHandoff,
  type ConnectRoundEvent,
  type ConnectRoundSnapshot,
  connectRound,
} from '../../machines';
import { HandoffFallbackPolicy } from '../../src';
import { type RoundNode, RoundTable } from '../../src/client/RoundTable';
import { ROUND_EVENTS } from '../../src/client/roundSymbols';
import { type HandoffNode, HandoffTable } from '../../src/controller/HandoffTable';
import { EVENTS, eventOfSymbol } from '../../src/controller/handoffSymbols';
import { report } from '../support/report';

const CLASSES = [...EVENTS.keys()].filter((symbol) => symbol in EVENTS);

function nameOf({ value, context }: Pick<BackendHandoffSnapshot, 'value' | 'context'>): string {
  return JSON.stringify([value, context.failedAttempts, context.attemptsInFlight]);
}

/** Every state that the table comes to, with the name of the next one for each class. */
function exploreTable(table: HandoffTable): Map<string, string[]> {
  const edges = new Map<string, string[]>();
  const open: HandoffNode[] = [table.initial];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const name = nameOf(node.snapshot);
    if (edges.has(name)) continue;
    const nexts = CLASSES.map((symbol) => table.edge(node as HandoffNode, symbol).next);
    edges.set(
      name,
      nexts.map(({ snapshot }) => nameOf(snapshot)),
    );
    open.push(...nexts);
  }
  return edges;
}

describe.each([1, 2, 8])('the table of a chart with a budget of %p', (maxFailedAttemptsPerWindow) => {
  it('is, fully explored, the graph that @xstate/graph gives', () => {
    const policy = new HandoffFallbackPolicy({ maxFailedAttemptsPerWindow });
    const tabled = exploreTable(new HandoffTable(policy));
    const logic: AnyStateMachine = backendHandoff;
    const graph: object = getAdjacencyMap(logic, {
      input: { ...policy },
      events: CLASSES.map(eventOfSymbol),
      serializeState: nameOf,
    });
    const nodes: [string, { transitions: Record<string, { state: BackendHandoffSnapshot }> }][] =
      Object.entries(graph);
    const expected = new Map(
      nodes.map(([name, { transitions }]) => [
        name,
        Object.values(transitions).map(({ state }) => nameOf(state)),
      ]),
    );
    expect(tabled).toEqual(expected);
    report(
      `table, budget ${maxFailedAttemptsPerWindow}: ${tabled.size} states, ${tabled.size * CLASSES.length} edges, equal to the graph`,
    );
  });
});

describe('the table of a round', () => {
  it('is, fully explored, the graph that @xstate/graph gives', () => {
    const table = new RoundTable();
    const placeOf = ({ value }: ConnectRoundSnapshot): string => JSON.stringify(value);
    const edges = new Map<string, string[]>();
    const open: RoundNode[] = [table.initial];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      const name = placeOf(node.snapshot);
      if (edges.has(name)) continue;
      const nexts = [...ROUND_EVENTS.keys()].map((symbol) => table.edge(node as RoundNode, symbol).next);
      edges.set(
        name,
        nexts.map(({ snapshot }) => placeOf(snapshot)),
      );
      open.push(...nexts);
    }
    const graph: object = getAdjacencyMap(connectRound as AnyStateMachine, {
      events: [...ROUND_EVENTS] as ConnectRoundEvent[],
      serializeState: (snapshot) => placeOf(snapshot as ConnectRoundSnapshot),
    });
    const nodes: [string, { transitions: Record<string, { state: ConnectRoundSnapshot }> }][] =
      Object.entries(graph);
    const expected = new Map(
      nodes.map(([name, { transitions }]) => [
        name,
        Object.values(transitions).map(({ state }) => placeOf(state)),
      ]),
    );
    expect(edges).toEqual(expected);
    report(
      `table of a round: ${edges.size} states, ${edges.size * ROUND_EVENTS.length} edges, equal to the graph`,
    );
  });
});

describe('a table that is full', () => {
  it('starts over and gives the same answers', () => {
    const table = new HandoffTable(new HandoffFallbackPolicy({ maxFailedAttemptsPerWindow: 100_000 }));
    const fail = CLASSES.find((symbol) => eventOfSymbol(symbol).type === 'attempt.failed') ?? 0;
    let node = table.initial;
    for (let count = 1; count <= 10_000; count++) {
      node = table.edge(node, fail).next;
      expect(node.snapshot.context.failedAttempts).toBe(count);
    }
    expect(table.size).toBeLessThanOrEqual(4_096);
  });
});
