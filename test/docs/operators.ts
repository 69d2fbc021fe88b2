/** @file The table of all operators, from the operators themselves and from their sources. */

import ts from 'typescript';
import { gradientOf } from '../../src/ops/gradients.ts';
import { operators } from '../../src/ops/index.ts';
import type { Operator } from '../../src/ops/operator.ts';
import { OPERATORS, program, ROOT, resolved } from './program.ts';

export interface OperatorRow {
  readonly name: string;
  /** What the source says above it; empty where it says nothing. */
  readonly description: string;
  /** Functions of src/kernels/ that its candidates come to. */
  readonly kernels: readonly string[];
  readonly operator: Operator<never>;
}

export function operatorRows(): OperatorRow[] {
  const checker = program().getTypeChecker();
  const declarations = operatorDeclarations(checker);
  const all = new Set(declarations.values());
  return Object.entries<Operator<never>>(operators)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, operator]) => {
      const declaration = declarations.get(name)!;
      const kernels = [...kernelsOf(checker, declaration, all)].sort();
      return { name, operator, kernels, description: descriptionOf(declaration) };
    });
}

/** The text of `docs/operators.md`. */
export function operatorsText(rows: readonly OperatorRow[]): string {
  const cells = rows.map(({ name, operator, kernels, description }) => [
    `\`${name}\``,
    description.replaceAll('|', '\\|'),
    operator.view ? 'a view' : kernels.length > 0 ? 'device' : 'host',
    gradientOf(operator as Operator) ? 'yes' : '',
    operator.halves ? 'yes' : '',
    operator.keepsPadding || kernels.length === 0 ? 'kept' : 'cleared by the plan',
    kernels.map((kernel) => `\`${kernel}\``).join(' '),
  ]);
  return `# Operators

Written by \`npm run docs\` from \`src/ops/\`. Graphs are made of these and of anyone's own: see \`defineOperator\` and
[examples/custom_operator.ts](../examples/custom_operator.ts).

- **forward**: \`device\` has kernels; \`a view\` is another layout of the same memory, copied only where a reader cannot take it;
  \`host\` is computed once, from parameters alone.
- **gradient**: whether training goes through it.
- **f16**: whether it takes and gives activations of 16 bits.
- **padding**: channels are padded to a multiple of 4 and everything expects zero there; \`kept\` by the operator's kernels, or
  \`cleared by the plan\` in a dispatch of its own.
- **kernels**: functions of \`src/kernels/\` that its candidates come to, with those that pack weights or add parts up;
  [kernels.md](kernels.md) explains them.

${table([HEADS, ...cells])}`;
}

const HEADS = ['operator', 'what it computes', 'forward', 'gradient', 'f16', 'padding', 'kernels'];

function table(rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const [heads, ...rest] = rows;
  return [line(heads!), line(heads!.map(() => '---')), ...rest.map(line)].join('');
}

/** Where each operator of the list is defined. */
function operatorDeclarations(checker: ts.TypeChecker): Map<string, ts.Declaration> {
  const found = new Map<string, ts.Declaration>();
  const visit = (node: ts.Node): void => {
    if (ts.isShorthandPropertyAssignment(node)) {
      const symbol = resolved(checker, checker.getShorthandAssignmentValueSymbol(node)!);
      found.set(node.name.text, symbol.declarations![0]!);
    }
    ts.forEachChild(node, visit);
  };
  visit(program().getSourceFile(ROOT + OPERATORS)!);
  return found;
}

/** Kernels that a definition comes to through whatever of src/ops/ it uses, but for other operators. */
function kernelsOf(
  checker: ts.TypeChecker,
  start: ts.Declaration,
  operators: ReadonlySet<ts.Declaration>,
): Set<string> {
  const kernels = new Set<string>();
  const seen = new Set<ts.Node>(operators);
  const follow = (symbol: ts.Symbol | undefined): void => {
    for (const declaration of symbol ? (resolved(checker, symbol).declarations ?? []) : []) {
      if (seen.has(declaration)) continue;
      seen.add(declaration);
      const path = declaration.getSourceFile().fileName.slice(ROOT.length);
      if (isImported(declaration)) follow(importedBy(checker, declaration));
      else if (path.startsWith('src/ops/')) visit(declaration);
      else if (path.startsWith('src/kernels/') && returnsKernel(declaration)) kernels.add(declaration.name!.text);
    }
  };
  const visit = (node: ts.Node): void => {
    if (ts.isShorthandPropertyAssignment(node)) follow(checker.getShorthandAssignmentValueSymbol(node));
    else if (ts.isIdentifier(node)) follow(checker.getSymbolAtLocation(node));
    // Types compute nothing.
    if (!ts.isTypeNode(node)) ts.forEachChild(node, visit);
  };
  ts.forEachChild(start, visit);
  return kernels;
}

/** A name of `const { name } = await import(…)`. */
const isImported = (node: ts.Declaration): node is ts.BindingElement => {
  if (!ts.isBindingElement(node) || !ts.isVariableDeclaration(node.parent.parent)) return false;
  const { initializer } = node.parent.parent;
  return initializer !== undefined && ts.isAwaitExpression(initializer) && isImport(initializer.expression);
};

const isImport = (node: ts.Expression): boolean =>
  ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;

/** What such a name stands for in the module that is imported. */
const importedBy = (checker: ts.TypeChecker, { parent, propertyName, name }: ts.BindingElement) =>
  checker.getTypeAtLocation(parent).getProperty((propertyName ?? name).getText());

const returnsKernel = (node: ts.Declaration): node is ts.FunctionDeclaration =>
  ts.isFunctionDeclaration(node) && node.type?.getText() === 'Kernel';

/** The comment above a definition, on one line. */
function descriptionOf(declaration: ts.Declaration): string {
  const [comment] = ts.getJSDocCommentsAndTags(declaration).filter(ts.isJSDoc);
  return (ts.getTextOfJSDocComment(comment?.comment) ?? '').replaceAll(/\s+/g, ' ').trim();
}
