/** @file The page that recognises. */

import { byId } from '../shared/dom.ts';
import { startPage } from '../shared/page.ts';

await startPage(byId('main', HTMLElement));
