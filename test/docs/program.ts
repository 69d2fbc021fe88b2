/** @file The sources as the compiler sees them, once for all who ask. */

import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What users import, and the source behind it. The second has everything of the first. */
export const ENTRIES = {
  'i3d-webgpu': 'src/index.ts',
  'i3d-webgpu/node': 'src/node.ts',
  'i3d-webgpu/models': 'src/shipped.ts',
};

/** Every operator. */
export const OPERATORS = 'src/ops/index.ts';

let known: ts.Program | undefined;

export function program(): ts.Program {
  if (known) return known;
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const files = [...Object.values(ENTRIES), OPERATORS].map((path) => ROOT + path);
  known = ts.createProgram(files, options);
  return known;
}

/** What a symbol stands for where it was imported or exported again. */
export function resolved(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}
