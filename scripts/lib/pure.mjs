/**
 * @file Tells bundlers what this package promises them: a module only defines things, so whatever it calls to make its constants may go
 * where nobody uses them. They take the promise call by call, as a comment; the sources need none.
 */

import ts from 'typescript';

const PROMISE = ' @__PURE__ ';

/** A transformer for the compiler's `before`: the comment before every call that a module makes while it is loaded. */
export const markPure = () => (source) => {
  const visit = (node) => {
    if (ts.isFunctionLike(node)) return;
    // Fields of objects are made with each object; those of the class with the module.
    if (ts.isPropertyDeclaration(node) && !ts.hasStaticModifier(node)) return;
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      ts.addSyntheticLeadingComment(node, ts.SyntaxKind.MultiLineCommentTrivia, PROMISE);
    }
    ts.forEachChild(node, visit);
  };
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement) || ts.isClassDeclaration(statement)) visit(statement);
  }
  return source;
};
