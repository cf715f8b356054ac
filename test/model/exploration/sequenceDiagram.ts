import type { TraceStep } from './explore';

const WIDTH = 18;

/** A trace as a sequence diagram in text: a column for each who takes part, a line for each step. */
export function sequenceDiagram(trace: readonly TraceStep[]): string {
  const order = ['client', 'broker', 'backend', 'time'];
  const rank = (name: string): string => `${order.findIndex((kind) => name.startsWith(kind))}${name}`;
  const names = [...new Set(trace.flatMap(({ from, to }) => [from, to]))].sort((a, b) =>
    rank(a).localeCompare(rank(b)),
  );
  const columnOf = (name: string): number => names.indexOf(name);
  const head = names.map((name) => name.padEnd(WIDTH)).join('');
  const lines = trace.map(({ from, to, text }) => {
    const [a, b] = [columnOf(from), columnOf(to)];
    const cells = names.map((_, column) => {
      if (a === b) return column === a ? '*' : '|';
      return column === a
        ? 'o'
        : column === b
          ? a < b
            ? '>'
            : '<'
          : column > Math.min(a, b) && column < Math.max(a, b)
            ? '-'
            : '|';
    });
    const line = cells
      .map((cell, column) => {
        const isArrow = a !== b && column >= Math.min(a, b) && column < Math.max(a, b);
        return cell.padEnd(WIDTH, isArrow ? '-' : ' ');
      })
      .join('');
    return `${line}${text}`;
  });
  return [head.trimEnd(), ...lines].join('\n');
}
