/** @file The tables of measured choices that come with the package, one file per kind of adapter, written by `npm run -s bench -- tables`. */

import type { ShippedTable } from '../../core/tuning.ts';

export const SHIPPED_TABLES: readonly ShippedTable[] = [];
