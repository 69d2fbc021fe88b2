/** @file A program that has the package and not the optional ones: whoever needs one is told which, and how to get it. */

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { project, run } from './packed.ts';

const PROGRAM = `
import { openClip, openGpu } from 'i3d-webgpu/node';
for (const attempt of [() => openGpu(), () => openClip('clip.mp4')]) {
  await attempt().catch(({ name, message }) => console.log(name + ': ' + message));
}
`;

it('names the package that is missing, and the command that installs it', async () => {
  const root = await project({ 'main.js': PROGRAM, 'clip.mp4': 'not looked at' });
  const { stdout } = await run(process.execPath, ['main.js'], { cwd: root });
  expect(stdout.trim().split('\n')).toEqual([
    'AdapterError: A device in Node needs the npm package webgpu, which is not installed: run "npm install webgpu".',
    'InputError: Reading and writing pictures and video needs the npm package node-av, which is not installed: run "npm install node-av".',
  ]);
  const cli = join(root, 'node_modules/i3d-webgpu/dist/cli/main.js');
  const doctor = await run(process.execPath, [cli, 'doctor'], { cwd: root }).catch((error) => error);
  expect(doctor.stdout).toContain('run "npm install webgpu"');
  expect(doctor.stdout).toContain('run "npm install node-av"');
  const classify = await run(process.execPath, [cli, 'classify', 'clip.mp4'], { cwd: root }).catch((error) => error);
  expect(classify.stderr.trim().split('\n')).toHaveLength(1);
});
