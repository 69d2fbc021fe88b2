/** @file A worker that recognises: all that one needs. */

import { serveRecogniser } from '../../src/index.ts';

serveRecogniser(self);
