/** @file Packages that only some programs need: they are not installed with this one, and whoever comes to need one is told so. */

/**
 * What went wrong with an import of one, in a sentence.
 * @param name The package.
 * @param need What needs it; begins the sentence.
 * @param otherwise The sentence where it is installed and does not load.
 */
export function importFailure(cause: unknown, name: string, need: string, otherwise: string): string {
  const { code, message = '' } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  // Its own dependencies are packages, too: only its own name counts.
  const missing = code === 'ERR_MODULE_NOT_FOUND' && message.startsWith(`Cannot find package '${name}'`);
  return missing ? `${need} the npm package ${name}, which is not installed: run "npm install ${name}".` : otherwise;
}
