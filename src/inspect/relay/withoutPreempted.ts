import type { AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** The fields of a machine's snapshot that are read. */
interface Configuration {
  readonly _nodes: readonly AnyStateNode[];
  readonly historyValue: Readonly<Partial<Record<string, readonly AnyStateNode[]>>>;
}

/**
 * XState reports every selected transition, also those it doesn't take: of several that leave the same state, from different
 * regions, only the first is taken, or the innermost.
 * @param before the snapshot that they were selected in
 */
export function withoutPreempted(
  transitions: readonly AnyTransitionDefinition[],
  before: unknown,
): readonly AnyTransitionDefinition[] {
  if (transitions.length < 2 || !isConfiguration(before)) return transitions;
  const kept = new Map<AnyTransitionDefinition, ReadonlySet<AnyStateNode>>();
  for (const transition of transitions) {
    const exits = exitsOf(transition, before);
    const rivals = [...kept].filter(([, others]) => [...exits].some((node) => others.has(node)));
    if (rivals.some(([other]) => !isWithin(transition.source, other.source))) continue;
    for (const [other] of rivals) kept.delete(other);
    kept.set(transition, exits);
  }
  return [...kept.keys()];
}

function exitsOf(transition: AnyTransitionDefinition, before: Configuration): ReadonlySet<AnyStateNode> {
  if (transition.target === undefined) return new Set();
  const { source, reenter } = transition;
  const targets = transition.target.flatMap((target) => before.historyValue[target.id] ?? [target]);
  const isInner = targets.every((target) => target === source || isWithin(target, source));
  const domain = !reenter && isInner ? source : commonAncestor(source, targets);
  // Without a common ancestor, the root is left and entered again.
  return new Set(before._nodes.filter((node) => domain === undefined || isWithin(node, domain)));
}

function commonAncestor(source: AnyStateNode, targets: readonly AnyStateNode[]): AnyStateNode | undefined {
  for (let node = source.parent; node; node = node.parent) {
    const common: AnyStateNode = node;
    if (targets.every((target) => isWithin(target, common))) return common;
  }
  return undefined;
}

/** Whether a state node is a descendant of another one. */
function isWithin(node: AnyStateNode, outer: AnyStateNode): boolean {
  for (let each = node.parent; each; each = each.parent) if (each === outer) return true;
  return false;
}

function isConfiguration(snapshot: unknown): snapshot is Configuration {
  return (
    typeof snapshot === 'object' && snapshot !== null && '_nodes' in snapshot && 'historyValue' in snapshot
  );
}
