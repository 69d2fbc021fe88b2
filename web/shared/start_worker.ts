/** @file Starts a worker under the page's own policy. */

/**
 * A worker with a file of its own has the policy of that file's response, which a static server does not set. One that begins in a
 * blob inherits the page's, so it may connect to nowhere else either.
 * @param url Of the worker's module, relative to the page's scripts or absolute.
 */
export function startWorker(url: string): Worker {
  const script = `import ${JSON.stringify(new URL(url, import.meta.url).href)};`;
  const blob = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  return new Worker(blob, { type: 'module' });
}
