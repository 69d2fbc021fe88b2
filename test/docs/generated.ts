/** @file The files in docs/ that follow from the sources; `npm run docs` writes them, and a test says when they are out of date. */

import { fileURLToPath } from 'node:url';
import { apiText, publicApi } from './api.ts';
import { operatorRows, operatorsText } from './operators.ts';

const at = (name: string): string => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));

/** Texts by path. */
export const GENERATED: Readonly<Record<string, () => string>> = {
  [at('api.txt')]: () => apiText(publicApi()),
  [at('operators.md')]: () => operatorsText(operatorRows()),
};
