import ts from 'typescript';
import type { Mutant } from './createMutants';

/** Properties of a state or transition that are left out one at a time. */
const PARTS = new Set(['guard', 'always', 'after', 'on', 'actions', 'entry', 'exit', 'target', 'reenter']);
/** Properties that hold transitions by what causes them. */
const CAUSES = new Set(['on', 'after']);

/** For each guard, transition, `always`, delay, action and target of a file's charts, the file without it. */
export function createRemovals(file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const removals: Mutant[] = [];
  const remove = (node: ts.Node, replacement: string): void => {
    const start = node.getStart(source);
    const { line, character } = source.getLineAndCharacterOfPosition(start);
    const original = text.slice(start, node.end);
    removals.push({
      file,
      line: line + 1,
      column: character + 1,
      start,
      end: node.end,
      original,
      replacement,
    });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node)) {
      const name = node.name.getText(source);
      if (PARTS.has(name)) remove(node, '...{}');
      if (CAUSES.has(name) && ts.isObjectLiteralExpression(node.initializer)) {
        for (const cause of node.initializer.properties) remove(cause, '...{}');
      }
      if (isTransitions(node, source) && ts.isArrayLiteralExpression(node.initializer)) {
        for (const one of node.initializer.elements) remove(one, '...[]');
      }
    }
    ts.forEachChild(node, visit);
  };
  const findCharts = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      if (node.expression.name.text === 'createMachine') node.arguments.forEach(visit);
    }
    ts.forEachChild(node, findCharts);
  };
  findCharts(source);
  return removals;
}

/** Whether a property holds transitions of which the first that may be taken is: `always`, or one cause's. */
function isTransitions(node: ts.PropertyAssignment, source: ts.SourceFile): boolean {
  const name = node.name.getText(source);
  if (name === 'always') return true;
  const { parent: causes } = node;
  return ts.isPropertyAssignment(causes.parent) && CAUSES.has(causes.parent.name.getText(source));
}
