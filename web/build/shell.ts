/**
 * @file What all pages have in common and no script has to draw: header, footer, the theme that was chosen, and in a build the
 * policy that forbids every connection to elsewhere. A page says `<!--header-->` and `<!--footer-->`.
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Plugin } from 'vite';

interface Page {
  readonly file: string;
  readonly title: string;
  /** What this page needs beyond what all may, by directive. */
  readonly policy?: Readonly<Record<string, readonly string[]>>;
}

/** The pages in the order of the header's links. */
const PAGES: readonly Page[] = [
  { file: 'index.html', title: 'Recognise' },
  { file: 'flow.html', title: 'Live flow' },
  // onnxruntime-web, where a build has it, is WebAssembly.
  { file: 'bench.html', title: 'Bench', policy: { 'script-src': ["'wasm-unsafe-eval'"] } },
];

const beside = (path: string): URL => new URL(`../${path}`, import.meta.url);

export const existingPages = (): readonly Page[] => PAGES.filter(({ file }) => existsSync(beside(file)));

/** Before anything is painted, so that a page never flashes in the other theme. */
const THEME = 'try{const t=localStorage.theme;if(t)document.documentElement.dataset.theme=t}catch{}';

/** What a page may load: its own files, and what it makes itself. Workers that it starts from a blob are bound by it, too. */
const POLICY: Readonly<Record<string, readonly string[]>> = {
  'default-src': ["'none'"],
  'script-src': ["'self'", `'sha256-${createHash('sha256').update(THEME).digest('base64')}'`],
  'worker-src': ["'self'", 'blob:'],
  'style-src': ["'self'"],
  'img-src': ["'self'", 'blob:', 'data:'],
  'media-src': ["'self'", 'blob:'],
  'connect-src': ["'self'", 'blob:'],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
};

function policyOf({ policy = {} }: Page): string {
  const names = new Set([...Object.keys(POLICY), ...Object.keys(policy)]);
  return [...names].map((name) => [name, ...(POLICY[name] ?? []), ...(policy[name] ?? [])].join(' ')).join('; ');
}

function header(current: Page): string {
  const links = existingPages().map(({ file, title }) => {
    const here = file === current.file ? ' aria-current="page"' : '';
    return `<a href="./${file}"${here}>${title}</a>`;
  });
  return readFileSync(beside('shared/header.html'), 'utf8').replace('<!--links-->', links.join('\n'));
}

export function shell(): Plugin {
  let building = false;
  return {
    name: 'shell',
    configResolved({ command }) {
      building = command === 'build';
    },
    transformIndexHtml: {
      order: 'pre',
      handler(html, { filename }) {
        const page = PAGES.find(({ file }) => file === basename(filename));
        if (!page) throw new Error(`${filename} is not among the pages in web/build/shell.ts.`);
        const footer = readFileSync(beside('shared/footer.html'), 'utf8');
        return {
          html: html.replace('<!--header-->', header(page)).replace('<!--footer-->', footer),
          tags: [
            // The development server's own scripts would be forbidden.
            ...(building
              ? [
                  {
                    tag: 'meta',
                    attrs: { 'http-equiv': 'Content-Security-Policy', content: policyOf(page) },
                    injectTo: 'head-prepend' as const,
                  },
                ]
              : []),
            { tag: 'script', children: THEME, injectTo: 'head-prepend' as const },
          ],
        };
      },
    },
  };
}
