/** @file Run as a process of its own: decodes the files named on the command line and prints one JSON line for each. */

import { InputError } from '../../src/core/errors.ts';
import { openClip } from '../../src/io/video.ts';

for (const path of process.argv.slice(2)) {
  let outcome: string;
  try {
    const clip = await openClip(path, { fps: 'native' });
    outcome = `${clip.frames.shape.join('x')}${clip.warnings.length > 0 ? ' with warnings' : ''}`;
  } catch (error) {
    outcome = error instanceof InputError ? `InputError: ${error.message}` : `unexpected: ${String(error)}`;
  }
  console.log(JSON.stringify({ path, outcome }));
}
