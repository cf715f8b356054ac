import ts from 'typescript';

/** One small change of one file. */
export interface Mutant {
  /** From the project's root. */
  readonly file: string;
  /** From 1, as is the column. */
  readonly line: number;
  readonly column: number;
  /** Where in the file's text the change is. */
  readonly start: number;
  readonly end: number;
  readonly original: string;
  readonly replacement: string;
}

type Token = ts.SyntaxKind;
const { SyntaxKind } = ts;

/** For each operator, what stands in its place. */
const OPERATORS = new Map<Token, readonly string[]>([
  [SyntaxKind.LessThanToken, ['<=', '>=']],
  [SyntaxKind.LessThanEqualsToken, ['<', '>']],
  [SyntaxKind.GreaterThanToken, ['>=', '<=']],
  [SyntaxKind.GreaterThanEqualsToken, ['>', '<']],
  [SyntaxKind.EqualsEqualsEqualsToken, ['!==']],
  [SyntaxKind.ExclamationEqualsEqualsToken, ['===']],
  [SyntaxKind.AmpersandAmpersandToken, ['||']],
  [SyntaxKind.BarBarToken, ['&&']],
  [SyntaxKind.QuestionQuestionToken, ['&&']],
  [SyntaxKind.PlusToken, ['-']],
  [SyntaxKind.MinusToken, ['+']],
  [SyntaxKind.AsteriskToken, ['/']],
  [SyntaxKind.SlashToken, ['*']],
  [SyntaxKind.PercentToken, ['*']],
  [SyntaxKind.AmpersandToken, ['|']],
  [SyntaxKind.BarToken, ['&']],
  [SyntaxKind.LessThanLessThanToken, ['>>']],
  [SyntaxKind.GreaterThanGreaterThanToken, ['<<']],
  [SyntaxKind.PlusEqualsToken, ['-=']],
  [SyntaxKind.MinusEqualsToken, ['+=']],
  [SyntaxKind.QuestionQuestionEqualsToken, ['=']],
  [SyntaxKind.BarBarEqualsToken, ['=']],
  [SyntaxKind.AmpersandAmpersandEqualsToken, ['=']],
]);

/** What answers yes or no. */
const QUESTIONS = new Set<Token>([
  SyntaxKind.LessThanToken,
  SyntaxKind.LessThanEqualsToken,
  SyntaxKind.GreaterThanToken,
  SyntaxKind.GreaterThanEqualsToken,
  SyntaxKind.EqualsEqualsEqualsToken,
  SyntaxKind.ExclamationEqualsEqualsToken,
  SyntaxKind.InstanceOfKeyword,
  SyntaxKind.InKeyword,
]);

/** For each method, the one in its place; undefined: the call is left out, and what it was called on stays. */
const METHODS = new Map<string, string | undefined>([
  ['min', 'max'],
  ['max', 'min'],
  ['floor', 'ceil'],
  ['ceil', 'floor'],
  ['some', 'every'],
  ['every', 'some'],
  ['startsWith', 'endsWith'],
  ['endsWith', 'startsWith'],
  ['filter', undefined],
  ['slice', undefined],
  ['subarray', undefined],
  ['sort', undefined],
  ['trim', undefined],
  ['unref', undefined],
]);

const REMOVABLE = new Set<Token>([
  SyntaxKind.ExpressionStatement,
  SyntaxKind.ReturnStatement,
  SyntaxKind.ThrowStatement,
  SyntaxKind.ContinueStatement,
  SyntaxKind.BreakStatement,
  SyntaxKind.ForOfStatement,
]);

/** Every mutant of a file's text, in the order of their places. */
export function createMutants(file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const mutants: Mutant[] = [];
  const seen = new Set<string>();

  const replace = (start: number, end: number, replacement: string): void => {
    const key = `${start} ${end} ${replacement}`;
    const original = text.slice(start, end);
    if (seen.has(key) || original === replacement) return;
    seen.add(key);
    const { line, character } = source.getLineAndCharacterOfPosition(start);
    mutants.push({ file, line: line + 1, column: character + 1, start, end, original, replacement });
  };
  const replaceNode = (node: ts.Node, replacement: string): void =>
    replace(node.getStart(source), node.end, replacement);
  const decide = (condition: ts.Expression): void => {
    replaceNode(condition, 'true');
    replaceNode(condition, 'false');
  };

  const mutateExpression = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node)) mutateBinary(node);
    else if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) mutateUnary(node);
    else if (ts.isConditionalExpression(node)) decide(node.condition);
    else if (ts.isNumericLiteral(node)) replaceNode(node, `(${node.text} + 1)`);
    else if (node.kind === SyntaxKind.TrueKeyword) replaceNode(node, 'false');
    else if (node.kind === SyntaxKind.FalseKeyword) replaceNode(node, 'true');
    else if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) mutateString(node);
    else if (ts.isTemplateExpression(node)) replaceNode(node, '``');
    else if (ts.isArrayLiteralExpression(node) && node.elements.length > 0) replaceNode(node, '[]');
    else if (ts.isObjectLiteralExpression(node) && node.properties.length > 0) replaceNode(node, '{}');
    else if (ts.isRegularExpressionLiteral(node)) mutateRegularExpression(node);
    else if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) replaceNode(node.body, 'undefined');
    else if (ts.isCallExpression(node)) mutateCall(node);
    else if (ts.isPropertyAccessChain(node) && node.questionDotToken) replaceNode(node.questionDotToken, '.');
  };

  const mutateBinary = ({ parent, left, operatorToken, right, ...node }: ts.BinaryExpression): void => {
    const { kind } = operatorToken;
    const isText = kind === SyntaxKind.PlusToken && [left, right].some(isTextual);
    for (const other of isText ? [] : (OPERATORS.get(kind) ?? [])) replaceNode(operatorToken, other);
    // As conditions of a statement they are decided there.
    if (QUESTIONS.has(kind) && !isCondition(parent)) {
      replace(left.getStart(source), node.end, 'true');
      replace(left.getStart(source), node.end, 'false');
    }
    // Each operand of a `??` alone.
    if (kind === SyntaxKind.QuestionQuestionToken)
      replace(left.getStart(source), node.end, right.getText(source));
  };

  const mutateUnary = (node: ts.PrefixUnaryExpression | ts.PostfixUnaryExpression): void => {
    const { operator, operand } = node;
    const value = operand.getText(source);
    if (operator === SyntaxKind.ExclamationToken) replaceNode(node, value);
    else if (operator === SyntaxKind.MinusToken) replaceNode(node, value);
    else if (operator === SyntaxKind.PlusPlusToken) {
      replaceNode(node, ts.isPrefixUnaryExpression(node) ? `--${value}` : `${value}--`);
    } else if (operator === SyntaxKind.MinusMinusToken) {
      replaceNode(node, ts.isPrefixUnaryExpression(node) ? `++${value}` : `${value}++`);
    }
  };

  const mutateString = (node: ts.StringLiteral | ts.NoSubstitutionTemplateLiteral): void => {
    // Two strings that differ are as good as each other: the comparison is mutated itself.
    if (ts.isBinaryExpression(node.parent) && ts.isTypeOfExpression(node.parent.left)) return;
    replaceNode(node, node.text === '' ? "'mutated'" : "''");
  };

  const mutateRegularExpression = (node: ts.RegularExpressionLiteral): void => {
    const end = node.text.lastIndexOf('/');
    const pattern = node.text.slice(1, end);
    const flags = node.text.slice(end + 1);
    if (pattern.startsWith('^')) replaceNode(node, `/${pattern.slice(1)}/${flags}`);
    if (pattern.endsWith('$')) replaceNode(node, `/${pattern.slice(0, -1)}/${flags}`);
    for (const [quantifier] of pattern.matchAll(/\{\d+\}/g)) {
      replaceNode(node, `/${pattern.replace(quantifier, '+')}/${flags}`);
    }
    for (const [lookahead] of pattern.matchAll(/\(\?![^)]*\)/g)) {
      replaceNode(node, `/${pattern.replace(lookahead, '')}/${flags}`);
    }
  };

  const mutateCall = (node: ts.CallExpression): void => {
    const { expression } = node;
    if (expression.kind === SyntaxKind.ImportKeyword || !ts.isPropertyAccessExpression(expression)) return;
    const name = expression.name.text;
    if (!METHODS.has(name)) return;
    const other = METHODS.get(name);
    if (other === undefined) replaceNode(node, expression.expression.getText(source));
    else replaceNode(expression.name, other);
  };

  const mutateStatement = (node: ts.Node): void => {
    if (REMOVABLE.has(node.kind) && !isSuperCall(node)) replaceNode(node, ';');
    if (ts.isIfStatement(node)) decide(node.expression);
    if (ts.isWhileStatement(node) || ts.isDoStatement(node)) replaceNode(node.expression, 'false');
    if (ts.isForStatement(node) && node.condition) replaceNode(node.condition, 'false');
    if (ts.isBlock(node) && ts.isFunctionLike(node.parent) && node.statements.length > 0) {
      if (!node.statements.some(isSuperCall)) replaceNode(node, '{}');
    }
  };

  const visit = (node: ts.Node): void => {
    if (isWithoutEffect(node, source)) return;
    mutateStatement(node);
    mutateExpression(node);
    ts.forEachChild(node, (child) => {
      if (!isName(node, child)) visit(child);
    });
  };
  visit(source);
  return mutants.sort((a, b) => a.start - b.start);
}

function isCondition(parent: ts.Node): boolean {
  return ts.isIfStatement(parent) || ts.isConditionalExpression(parent);
}

function isTextual(node: ts.Expression): boolean {
  return ts.isStringLiteral(node) || ts.isTemplateExpression(node);
}

function isSuperCall(node: ts.Node): boolean {
  return (
    ts.isExpressionStatement(node) &&
    ts.isCallExpression(node.expression) &&
    node.expression.expression.kind === SyntaxKind.SuperKeyword
  );
}

/** What isn't there any more when the program runs, or is never read: the types that a chart's `setup` is given. */
function isWithoutEffect(node: ts.Node, source: ts.SourceFile): boolean {
  return (
    isLastReturnOfNothing(node, source) ||
    (ts.isPropertyAssignment(node) &&
      node.name.getText(source) === 'types' &&
      isSetup(node.parent.parent, source)) ||
    ts.isTypeNode(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node)
  );
}

function isSetup(node: ts.Node, source: ts.SourceFile): boolean {
  return ts.isCallExpression(node) && node.expression.getText(source) === 'setup';
}

/** `return undefined` at a function's end does what the end does. */
function isLastReturnOfNothing(node: ts.Node, source: ts.SourceFile): boolean {
  if (!ts.isReturnStatement(node) || node.expression?.getText(source) !== 'undefined') return false;
  const { parent } = node;
  return ts.isBlock(parent) && ts.isFunctionLike(parent.parent) && parent.statements.at(-1) === node;
}

/** Whether a child is a name in its parent and no expression. */
function isName(parent: ts.Node, child: ts.Node): boolean {
  return 'name' in parent && parent.name === child && !ts.isComputedPropertyName(child) && !isPattern(child);
}

/** A name that is a pattern has default values in it. */
function isPattern(node: ts.Node): boolean {
  return ts.isObjectBindingPattern(node) || ts.isArrayBindingPattern(node);
}
