/** @file Exports of src/ that no other file imports: what is not needed outside of its file need not be seen there. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { ENTRIES, ROOT } from './program.ts';

/** Where imports are looked for. */
const FOLDERS = ['src', 'test', 'bench', 'examples', 'web'];

/** As `src/core/check.ts nearestNames`; those of the package's entries are for its users. */
export function unusedExports(): string[] {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(ROOT + folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  );
  const exported: string[] = [];
  const imported = new Set<string>();
  for (const path of files) {
    const source = ts.createSourceFile(path, readFileSync(ROOT + path, 'utf8'), ts.ScriptTarget.Latest);
    if (path.startsWith('src/') && !Object.values(ENTRIES).includes(path)) {
      exported.push(...exportsOf(source).map((name) => `${path} ${name}`));
    }
    for (const name of importsOf(source, path)) imported.add(name);
  }
  return exported.filter((name) => !imported.has(name) && !imported.has(name.replace(/ .*/, ' *')));
}

function exportsOf(source: ts.SourceFile): string[] {
  return source.statements.flatMap((statement) => {
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
    if (!modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
    const declared = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement];
    return declared.flatMap(({ name }: { readonly name?: ts.Node }) =>
      name && ts.isIdentifier(name) ? name.text : [],
    );
  });
}

/** What a file takes from others, named as exports are; `*` where it may take anything. */
function importsOf(source: ts.SourceFile, path: string): string[] {
  const found: string[] = [];
  const take = (specifier: ts.Node | undefined, names: readonly string[]): void => {
    if (!specifier || !ts.isStringLiteral(specifier) || !specifier.text.startsWith('.')) return;
    const from = resolve('/', dirname(path), specifier.text).slice(1);
    found.push(...names.map((name) => `${from} ${name}`));
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) take(node.moduleSpecifier, namesOf(node.importClause?.namedBindings));
    else if (ts.isExportDeclaration(node)) take(node.moduleSpecifier, namesOf(node.exportClause));
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) take(node.argument.literal, ['*']);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      take(node.arguments[0], ['*']);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function namesOf(bindings: ts.NamedImportBindings | ts.NamedExportBindings | undefined): string[] {
  if (!bindings || !('elements' in bindings)) return ['*'];
  return [...bindings.elements].map(({ propertyName, name }) => (propertyName ?? name).text);
}
