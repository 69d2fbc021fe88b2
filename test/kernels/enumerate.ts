/** @file Which functions of src/kernels/ make kernels, and which of them some work calls: no list that one could forget to extend. */

import { readdirSync, readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const FOLDER = fileURLToPath(new URL('../../src/kernels/', import.meta.url));

/** Every exported function of src/kernels/ that returns a `Kernel`, as `pool/sweep.ts pool3dSweep`. */
export function kernelFunctions(): string[] {
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  return files.flatMap((path) => {
    const source = ts.createSourceFile(path, readFileSync(join(FOLDER, path), 'utf8'), ts.ScriptTarget.Latest);
    return source.statements.flatMap((statement) => {
      if (!ts.isFunctionDeclaration(statement) || !isExported(statement)) return [];
      const returned = statement.type && ts.isTypeReferenceNode(statement.type) ? statement.type.typeName : undefined;
      if (!returned || !ts.isIdentifier(returned) || returned.text !== 'Kernel') return [];
      return `${path} ${statement.name!.text}`;
    });
  });
}

const isExported = (node: ts.FunctionDeclaration): boolean =>
  node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;

/** What `work` returns, and the functions of src/kernels/ that it called, named as `kernelFunctions` names them. */
export async function callsOf<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly called: ReadonlySet<string> }> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    const result = await work();
    const coverage = await session.post('Profiler.takePreciseCoverage');
    const called = coverage.result
      .filter(({ url }) => url.startsWith('file:') && fileURLToPath(url).startsWith(FOLDER))
      .flatMap(({ url, functions }) =>
        functions
          .filter(({ ranges }) => ranges[0]!.count > 0)
          .map(({ functionName }) => `${relative(FOLDER, fileURLToPath(url))} ${functionName}`),
      );
    return { result, called: new Set(called) };
  } finally {
    session.disconnect();
  }
}
