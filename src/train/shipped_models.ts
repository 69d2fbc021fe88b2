/** @file Where the models that come with the package lie. Node only. */

import { fileURLToPath } from 'node:url';

/** Two folders up, from the sources as from the built package. */
export const SHIPPED_MODELS = fileURLToPath(new URL('../../models/', import.meta.url));
