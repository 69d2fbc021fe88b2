/** @file What all pages have: one file of HTML with its style and no script. */

import { STYLE } from './report-style.ts';

/**
 * @param title As HTML, and so is the body.
 * @param style Of this page alone, behind what all of them have.
 */
export const htmlPage = (title: string, body: string, style = ''): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}${style}</style>
<main>
${body}
</main>
</html>
`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as HTML. */
export function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!);
}
