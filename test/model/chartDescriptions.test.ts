import { type AnyStateNode, StateMachine } from 'xstate';
import * as machines from '../../machines';

function allNodes(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(allNodes)];
}

const charts = Object.values(machines).filter((one) => one instanceof StateMachine);

describe('every chart of the project', () => {
  it('is among those that are checked', () => {
    expect(charts.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['backendHandoff', 'fdPressure', 'handoffTransfer']),
    );
  });

  it.each(charts.map((chart) => [chart.id, chart] as const))(
    '%s says in one line what each state and each transition means',
    (_, chart) => {
      const described = allNodes(chart.root).flatMap((node) => [
        { what: node.id, description: node.description },
        ...[...node.transitions.values(), node.always ?? []].flat().map(({ eventType, description }) => ({
          what: `${node.id} on ${eventType || 'always'}`,
          description,
        })),
      ]);
      const isOneLine = (text: unknown): boolean => typeof text === 'string' && /^[A-Z].*\.$/.test(text);
      expect(described.filter(({ description }) => !isOneLine(description))).toEqual([]);
    },
  );
});
