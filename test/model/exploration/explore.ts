/** Something that can happen in a world, and the world after it. */
export interface Step<World> {
  /** Who does it, and whom it reaches; the same if nobody else notices. */
  readonly from: string;
  readonly to: string;
  readonly text: string;
  /** Whether it is something that goes wrong, and need not happen. */
  readonly isFault: boolean;
  readonly next: World;
}

/** What to explore. */
export interface Model<World> {
  readonly initial: readonly World[];
  readonly steps: (world: World) => readonly Step<World>[];
  /** A name that tells worlds apart. */
  readonly keyOf: (world: World) => string;
  /** What is wrong with a world, or undefined. */
  readonly problemOf: (world: World) => string | undefined;
  /** What is wrong with a world in which nothing goes on unless something goes wrong. */
  readonly problemAtRest: (world: World) => string | undefined;
  /** Nobody waits for anything any more. */
  readonly isEnd: (world: World) => boolean;
  /** Sees each world once. */
  readonly visit?: (world: World) => void;
}

export type TraceStep = Pick<Step<unknown>, 'from' | 'to' | 'text'>;

/** What an exploration found. */
export interface Findings {
  readonly worlds: number;
  readonly transitions: number;
  /** The most steps that a shortest way to a world has. */
  readonly depth: number;
  readonly seconds: number;
  /** The first thing that is wrong, with a shortest way to it. */
  readonly violation?: { readonly problem: string; readonly trace: readonly TraceStep[] };
}

/** Numbers, as many as there are. */
class Numbers {
  #values = new Int32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Int32Array(this.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length] = value;
    this.length += 1;
  }

  at(index: number): number {
    return this.#values[index] ?? -1;
  }
}

/**
 * Every world that can come to be, breadth first, so that the way to the first one with a problem is a shortest one. When
 * none has, it looks for worlds from which no end can be reached without a fault, and for circles without one.
 */
export function explore<World>(model: Model<World>): Findings {
  const startedAt = performance.now();
  const indices = new Map<string, number>();
  const parents = new Numbers();
  const waysHere = new Numbers();
  const depths = new Numbers();
  const ways: TraceStep[] = [];
  const wayIndices = new Map<string, number>();
  // Transitions without a fault.
  const sources = new Numbers();
  const targets = new Numbers();
  const ends: number[] = [];
  let transitions = 0;

  const wayOf = ({ from, to, text }: TraceStep): number => {
    const name = `${from}>${to}:${text}`;
    let way = wayIndices.get(name);
    if (way === undefined) {
      way = ways.push({ from, to, text }) - 1;
      wayIndices.set(name, way);
    }
    return way;
  };
  const findings = (violation?: { readonly problem: string; readonly at: number }): Findings => ({
    worlds: indices.size,
    transitions,
    depth: depths.at(depths.length - 1),
    seconds: (performance.now() - startedAt) / 1000,
    ...(violation && { violation: { problem: violation.problem, trace: traceTo(violation.at) } }),
  });
  const traceTo = (index: number): TraceStep[] => {
    const trace: TraceStep[] = [];
    for (let at = index; parents.at(at) >= 0; at = parents.at(at)) {
      const way = ways[waysHere.at(at)];
      if (way !== undefined) trace.unshift(way);
    }
    return trace;
  };

  let level: World[] = [];
  let next: World[] = [];
  const reach = (world: World, parent: number, way: number, depth: number): number => {
    const key = model.keyOf(world);
    const known = indices.get(key);
    if (known !== undefined) return known;
    const index = indices.size;
    indices.set(key, index);
    parents.push(parent);
    waysHere.push(way);
    depths.push(depth);
    next.push(world);
    return index;
  };
  for (const world of model.initial) reach(world, -1, -1, 0);
  let index = 0;
  for (let depth = 0; next.length > 0; depth += 1) {
    level = next;
    next = [];
    for (const world of level) {
      model.visit?.(world);
      const problem = model.problemOf(world);
      if (problem !== undefined) return findings({ problem, at: index });
      if (model.isEnd(world)) ends.push(index);
      let isAtRest = true;
      for (const step of model.steps(world)) {
        transitions += 1;
        const target = reach(step.next, index, wayOf(step), depth + 1);
        if (step.isFault) continue;
        isAtRest = false;
        sources.push(index);
        targets.push(target);
      }
      const restless = isAtRest ? model.problemAtRest(world) : undefined;
      if (restless !== undefined) return findings({ problem: restless, at: index });
      index += 1;
    }
  }
  const stuck = firstWithoutEnd(indices.size, sources, targets, ends);
  if (stuck !== undefined) return findings({ problem: 'an end: none can be reached', at: stuck });
  const circling = firstInCircle(indices.size, sources, targets);
  if (circling !== undefined)
    return findings({ problem: 'an end: something goes round in a circle', at: circling });
  return findings();
}

/** The transitions by the worlds that they lead from (or to). */
function byWorld(
  count: number,
  worlds: Numbers,
): { readonly starts: Int32Array; readonly edges: Int32Array } {
  const starts = new Int32Array(count + 1);
  for (let edge = 0; edge < worlds.length; edge++)
    starts[worlds.at(edge) + 1] = (starts[worlds.at(edge) + 1] ?? 0) + 1;
  for (let world = 0; world < count; world++)
    starts[world + 1] = (starts[world + 1] ?? 0) + (starts[world] ?? 0);
  const edges = new Int32Array(worlds.length);
  const free = starts.slice();
  for (let edge = 0; edge < worlds.length; edge++) {
    const world = worlds.at(edge);
    edges[free[world] ?? 0] = edge;
    free[world] = (free[world] ?? 0) + 1;
  }
  return { starts, edges };
}

function firstWithoutEnd(
  count: number,
  sources: Numbers,
  targets: Numbers,
  ends: readonly number[],
): number | undefined {
  const { starts, edges } = byWorld(count, targets);
  const comesToAnEnd = new Uint8Array(count);
  const open = [...ends];
  for (const end of ends) comesToAnEnd[end] = 1;
  for (let world = open.pop(); world !== undefined; world = open.pop()) {
    for (let at = starts[world] ?? 0; at < (starts[world + 1] ?? 0); at++) {
      const source = sources.at(edges[at] ?? 0);
      if (comesToAnEnd[source] === 1) continue;
      comesToAnEnd[source] = 1;
      open.push(source);
    }
  }
  const first = comesToAnEnd.indexOf(0);
  return first === -1 ? undefined : first;
}

/** Takes away, again and again, what nothing leads to; what is left is in a circle, or behind one. */
function firstInCircle(count: number, sources: Numbers, targets: Numbers): number | undefined {
  const { starts, edges } = byWorld(count, sources);
  const incoming = new Int32Array(count);
  for (let edge = 0; edge < targets.length; edge++) {
    incoming[targets.at(edge)] = (incoming[targets.at(edge)] ?? 0) + 1;
  }
  const open: number[] = [];
  for (let world = 0; world < count; world++) if (incoming[world] === 0) open.push(world);
  const isGone = new Uint8Array(count);
  for (let world = open.pop(); world !== undefined; world = open.pop()) {
    isGone[world] = 1;
    for (let at = starts[world] ?? 0; at < (starts[world + 1] ?? 0); at++) {
      const target = targets.at(edges[at] ?? 0);
      incoming[target] = (incoming[target] ?? 0) - 1;
      if (incoming[target] === 0) open.push(target);
    }
  }
  const first = isGone.indexOf(0);
  return first === -1 ? undefined : first;
}
