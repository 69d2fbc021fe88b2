/** @file The reference in docs/api/: a page for each export, from the comments in the sources. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Application, makeRecursiveVisitor, type SomeType, type TypeDocOptions } from 'typedoc';
import type { PluginOptions } from 'typedoc-plugin-markdown';
import { ENTRIES, ROOT } from './program.ts';

/** Where it is kept. */
export const REFERENCE = join(ROOT, 'docs/api');

const OPTIONS: TypeDocOptions & Partial<PluginOptions> = {
  name: 'Reference',
  entryPoints: Object.values(ENTRIES).map((path) => join(ROOT, path)),
  tsconfig: join(ROOT, 'tsconfig.json'),
  plugin: ['typedoc-plugin-markdown'],
  readme: 'none',
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  // Every change of a line number would be a change of it.
  disableSources: true,
  disableGit: true,
  githubPages: false,
  logLevel: 'Error',
  // `npm run check` has found what is wrong.
  skipErrorChecking: true,
  blockTags: ['@file', '@param', '@returns', '@throws', '@module'],
  hideBreadcrumbs: true,
  hidePageHeader: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  expandObjects: false,
};

/** Literals of unions, whose order the compiler makes depend on what else it has met. */
const IN_ORDER = makeRecursiveVisitor({
  union({ types }) {
    if (types.every(({ type }) => type === 'literal')) types.sort((a, b) => (String(a) < String(b) ? -1 : 1));
  },
});

/** Writes it into a folder, which then holds nothing else. */
export async function writeReference(folder: string): Promise<void> {
  const app = await Application.bootstrapWithPlugins(OPTIONS);
  const project = await app.convert();
  if (!project) throw new Error('typedoc found nothing to describe.');
  const names = Object.keys(ENTRIES);
  project.children!.forEach((module, i) => {
    module.name = names[i]!;
    // What the file says of itself is meant for those who change it.
    delete module.comment;
  });
  for (const reflection of Object.values(project.reflections)) {
    if ('type' in reflection) (reflection.type as SomeType | undefined)?.visit(IN_ORDER);
  }
  await app.outputs.writeOutput({ name: 'markdown', path: folder }, project);
}

/** Texts by path. */
export async function textsOf(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.md')).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}
