/**
 * @file The public API as text: every name that the package exports, with its signature, as it stands in the sources. Types that the
 * sources leave to the compiler are the compiler's.
 */

import ts from 'typescript';
import { declarationLines } from './declarations.ts';
import { ENTRIES, program, ROOT, resolved } from './program.ts';

type SymbolMap = ReadonlyMap<string, ts.Symbol>;

export interface Api {
  /** Of each entry, its lines: sorted by name, members indented below. What an earlier entry has is not said again. */
  readonly entries: readonly { readonly name: string; readonly lines: readonly string[] }[];
  /** Names of the first entry that the second lacks or means something else by. */
  readonly missing: readonly string[];
  /** Types of ours that signatures name and users cannot import, each with an export that names it. */
  readonly unnamed: ReadonlyMap<string, string>;
}

export function publicApi(): Api {
  const files = Object.values(ENTRIES).map((path) => ROOT + path);
  const checker = program().getTypeChecker();
  const exportsOf = (file: string): SymbolMap => {
    const module = checker.getSymbolAtLocation(program().getSourceFile(file)!)!;
    return new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, resolved(checker, symbol)]));
  };
  const [browser, node, shipped] = files.map(exportsOf) as [SymbolMap, SymbolMap, SymbolMap];
  const exported = new Set(node.values());
  const unnamed = new Map<string, string>();

  /** Remembers a type that users meet and cannot import. */
  const meet = (by: string, found: ts.Symbol): void => {
    const symbol = resolved(checker, found);
    if (exported.has(symbol) || unnamed.has(symbol.name)) return;
    const ours = symbol.declarations?.some((declaration) => {
      const named = ts.isTypeAliasDeclaration(declaration) || ts.isInterfaceDeclaration(declaration);
      const inSources = declaration.getSourceFile().fileName.startsWith(`${ROOT}src/`);
      return inSources && (named || ts.isClassDeclaration(declaration));
    });
    if (ours) unnamed.set(symbol.name, by);
  };
  const linesOf = (names: ReadonlyMap<string, ts.Symbol>): string[] =>
    [...names.keys()].sort().flatMap((name) =>
      names.get(name)!.declarations!.flatMap((declaration) =>
        declarationLines(name, declaration, {
          checker,
          isExported: (symbol) => exported.has(resolved(checker, symbol)),
          onType: (symbol) => meet(name, symbol),
        }),
      ),
    );
  const own = new Map([...node].filter(([name]) => !browser.has(name)));
  const entries = Object.keys(ENTRIES).map((name, i) => ({ name, lines: linesOf([browser, own, shipped][i]!) }));
  return { entries, missing: [...browser.keys()].filter((name) => node.get(name) !== browser.get(name)), unnamed };
}

/** The text of `docs/api.txt`. */
export function apiText({ entries }: Api): string {
  const sections = entries.map(({ name, lines }) => `${name}\n${'='.repeat(name.length)}\n${lines.join('\n')}\n`);
  return `Written by \`npm run docs\`: what the package exports; of i3d-webgpu/node, what it has besides.\n\n${sections.join('\n')}`;
}
