import { HandoffFallbackPolicy } from '../../src';
import { type HandoffNode, HandoffTable } from '../../src/controller/HandoffTable';
import { failedSymbol, QUERIED } from '../../src/controller/handoffSymbols';

const MAX_NODES = 4_096;

/** All states that lookups alone lead to. */
function reachable(from: HandoffNode): Set<HandoffNode> {
  const found = new Set([from]);
  for (const node of found) for (const edge of node.edges) if (edge) found.add(edge.next);
  return found;
}

describe('HandoffTable', () => {
  it('starts over when it is full, keeping only the initial state', () => {
    const table = new HandoffTable(new HandoffFallbackPolicy({ maxFailedAttemptsPerWindow: 20_000 }));
    const failed = failedSymbol('permissionDenied');
    let node = table.initial;
    while (table.size < MAX_NODES) node = table.edge(node, failed).next;
    expect(reachable(table.initial).size).toBe(MAX_NODES);
    const last = node;
    node = table.edge(node, failed).next;
    expect(table.size).toBe(2);
    expect(reachable(table.initial).size).toBe(1);
    // Whoever is in a state goes on from there, with one edge computed since.
    expect(reachable(last)).toEqual(new Set([last, node]));
    expect(node.snapshot.context.failedAttempts).toBe(MAX_NODES);
    expect(table.edge(table.initial, QUERIED).next).toBe(table.initial);
  });
});
