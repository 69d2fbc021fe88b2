/** @file The page with live flow. */

import { byId } from '../shared/dom.ts';
import { startPage } from '../shared/page.ts';

await startPage(byId('main', HTMLElement));
