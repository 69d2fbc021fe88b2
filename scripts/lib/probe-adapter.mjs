/**
 * @file Asks Dawn for a device and prints what it runs on, as one line of JSON. A process of its own, because a faulty driver
 * can crash the process that loads it. Dawn writes warnings to stdout as well, hence the mark.
 */

import { writeSync } from 'node:fs';

const answer = await ask();
writeSync(1, `\nadapter:${JSON.stringify(answer)}\n`);
// Some drivers keep threads that would hold the process; if ending crashes, the answer is out already.
process.exit(0);

async function ask() {
  let dawn;
  try {
    dawn = await import('webgpu');
  } catch (error) {
    return { state: 'unloadable', reason: error.message.split('\n')[0] };
  }
  try {
    const adapter = await dawn.create([]).requestAdapter();
    if (!adapter) return { state: 'none' };
    await adapter.requestDevice();
    const { vendor, architecture, description } = adapter.info;
    return { state: 'found', name: description || `${vendor} ${architecture}` };
  } catch (error) {
    return { state: 'none', reason: error.message.split('\n')[0] };
  }
}
