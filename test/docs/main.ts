/** @file `npm run docs`: writes what in docs/ follows from the sources. */

import { writeFile } from 'node:fs/promises';
import { GENERATED } from './generated.ts';
import { REFERENCE, writeReference } from './reference.ts';

for (const [path, text] of Object.entries(GENERATED)) await writeFile(path, text());
await writeReference(REFERENCE);
