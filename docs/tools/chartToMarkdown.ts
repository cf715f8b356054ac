import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** A guard in words: its name, or `not` of the one that it turns around. */
function guardText({ guard }: AnyTransitionDefinition): string {
  if (guard === undefined) return '';
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'object') return guard.type;
  const { guards } = guard as { guards?: readonly unknown[] };
  return `not ${String(guards?.[0] ?? '')}`;
}

function eventText({ eventType, source }: AnyTransitionDefinition): string {
  if (eventType === '') return 'always';
  const delayed = /^xstate\.after\.(.+?)\./.exec(eventType)?.[1];
  return delayed !== undefined && eventType.endsWith(source.id) ? `after ${delayed}` : eventType;
}

function transitionsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  return [...(node.always ?? []), ...[...node.transitions.values()].flat()];
}

function allNodes(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(allNodes)];
}

interface Diagram {
  readonly lines: readonly string[];
  /** What leads out of the state, from it or from a state inside it: its parent draws it, since Mermaid's lines don't cross a border. */
  readonly leaving: readonly AnyTransitionDefinition[];
}

/** The child of `node` that a transition leads to or into, or undefined if it leads elsewhere. */
function childReached(node: AnyStateNode, { target }: AnyTransitionDefinition): AnyStateNode | undefined {
  const to = target?.[0];
  return Object.values(node.states).find((child) => to === child || to?.id.startsWith(`${child.id}.`));
}

function diagramOf(node: AnyStateNode, indent: string): Diagram {
  const children = Object.values(node.states);
  const inner = `${indent}  `;
  const own = transitionsOf(node).filter(({ target }) => target?.[0] !== undefined);
  if (children.length === 0) return { lines: [`${indent}${node.key}`], leaving: own };
  const leaving: AnyTransitionDefinition[] = [];
  const edgesFrom = (from: string, transitions: readonly AnyTransitionDefinition[]): string[] =>
    transitions.flatMap((transition) => {
      const to = childReached(node, transition);
      if (to === undefined) {
        leaving.push(transition);
        return [];
      }
      const guard = guardText(transition);
      return [`${inner}${from} --> ${to.key} : ${eventText(transition)}${guard && ` [${guard}]`}`];
    });
  const parts = children.map((child) => {
    const diagram = diagramOf(child, inner);
    return [...diagram.lines, ...edgesFrom(child.key, diagram.leaving)];
  });
  const initial = node.initial?.target?.[0]?.key;
  const isParallel = node.type === 'parallel';
  const body = isParallel
    ? parts.flatMap((lines, index) => (index === 0 ? lines : [`${inner}--`, ...lines]))
    : parts.flat();
  // Mermaid draws no edge from a state to one inside it, so the edge comes from a stand-in for all of them.
  const any = `${node.key}_any`;
  const fromAny = edgesFrom(any, own);
  const lines = [
    `${indent}state ${node.key} {`,
    ...(initial !== undefined && !isParallel ? [`${inner}[*] --> ${initial}`] : []),
    ...body,
    ...(fromAny.length > 0 ? [`${inner}state "any of these" as ${any}`, ...fromAny] : []),
    `${indent}}`,
  ];
  return { lines, leaving };
}

/** The chart as a Mermaid diagram: its states, and the transitions that lead from one to another. */
export function chartToMermaid(machine: AnyStateMachine): string {
  return ['```mermaid', 'stateDiagram-v2', ...diagramOf(machine.root, '  ').lines, '```'].join('\n');
}

/** The chart in words: a table of its states, and one of all its transitions. */
export function chartToTables(machine: AnyStateMachine): string {
  const nodes = allNodes(machine.root);
  const name = ({ path, key }: AnyStateNode): string => (path.length > 0 ? path.join('.') : key);
  const code = (text: string): string => (text === '' ? '' : `\`${text}\``);
  const row = (...cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row('state', 'meaning'),
    row('---', '---'),
    ...nodes.map((node) => row(code(name(node)), node.description ?? '')),
    '',
    row('in', 'on', 'if', 'to', 'meaning'),
    row('---', '---', '---', '---', '---'),
    ...nodes.flatMap((node) =>
      transitionsOf(node).map((transition) =>
        row(
          code(name(node)),
          code(eventText(transition)),
          code(guardText(transition)),
          code(transition.target?.map(name).join(', ') ?? ''),
          transition.description ?? '',
        ),
      ),
    ),
  ].join('\n');
}
