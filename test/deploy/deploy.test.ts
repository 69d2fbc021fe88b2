/** @file Ready files for schedulers: the Slurm script as a node runs it, the Kubernetes job as kubectl reads it. */

import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeVideo } from '../../src/io/encode.ts';
import { saveModelFile } from '../../src/train/run/model_files.ts';
import { formulaNetwork } from '../cli/small_model.ts';
import { testFolder } from '../folder.ts';
import { HANG } from '../limits.ts';
import { program } from '../program.ts';

const folder = testFolder('i3d-deploy-');
const at = (name: string): string => join(folder, name);
const deploy = (name: string): string => fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url));

describe.skipIf(process.platform === 'win32')('the Slurm script', () => {
  beforeAll(async () => {
    mkdirSync(at('clips'));
    const frames = Array.from({ length: 17 }, (_, i) => new Uint8Array(64 * 64 * 3).fill(10 * i));
    await writeVideo(at('clips/0.mp4'), frames, { width: 64, height: 64, fps: 25 });
    for (let i = 1; i < 5; i++) cpSync(at('clips/0.mp4'), at(`clips/${i}.mp4`));
    await saveModelFile(at('rgb.safetensors'), { ...formulaNetwork('rgb'), classes: ['a', 'b', 'c'] });
  });

  const run = (variables: Record<string, string>, args: readonly string[]) => {
    const { SLURM_ARRAY_TASK_STEP: _, ...own } = process.env;
    const env = { ...own, I3D: `${process.execPath} ${program('dist/cli/main.js')}`, ...variables };
    return promisify(execFile)('bash', [deploy('features.sbatch'), ...args], { env, timeout: HANG });
  };

  test('takes the shard of its task, in arrays that begin anywhere', async () => {
    const array = { SLURM_ARRAY_TASK_MIN: '3', SLURM_ARRAY_TASK_COUNT: '2' };
    const model = ['--preset', 'ucf-crime-32', '--model', at('rgb.safetensors'), '--json'];
    const done: string[] = [];
    for (const task of ['3', '4']) {
      const { stdout } = await run({ ...array, SLURM_ARRAY_TASK_ID: task }, [at('clips'), at('out'), ...model]);
      const own = JSON.parse(stdout).done as string[];
      expect(own.length).toBeGreaterThan(1);
      done.push(...own);
    }
    expect(done.map((path) => path.slice(-5)).sort()).toEqual(['0.mp4', '1.mp4', '2.mp4', '3.mp4', '4.mp4']);
    expect(readdirSync(at('out')).filter((name) => name.endsWith('.npy'))).toHaveLength(5);
  });

  test.each([
    ['without folders', {}, ['videos'], /usage: sbatch/],
    ['with steps', { SLURM_ARRAY_TASK_STEP: '2' }, ['videos', 'out'], /an array without steps/],
  ])('refuses arrays %s', async (_, more, args, message) => {
    const array = { SLURM_ARRAY_TASK_ID: '0', SLURM_ARRAY_TASK_MIN: '0', SLURM_ARRAY_TASK_COUNT: '2', ...more };
    await expect(run(array, args)).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
  });
});

describe('the Kubernetes job', () => {
  const text = readFileSync(deploy('features-job.yaml'), 'utf8');

  test('has as many pods as shards', () => {
    const [completions, shards] = [/^ {2}completions: (\d+)$/m, /name: SHARDS\n\s+value: "(\d+)"/].map(
      (pattern) => pattern.exec(text)?.[1],
    );
    expect(completions).toMatch(/^\d+$/);
    expect(shards).toBe(completions);
  });

  const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

  test.skipIf(!hasKubectl)(
    `is a job to kubectl, with every field that it has${hasKubectl ? '' : ' (skipped: kubectl is missing)'}`,
    () => {
      // Reads it by the types of the API, without a cluster; fields that those do not know are lost.
      const args = ['set', 'image', '--local', '-f', deploy('features-job.yaml'), 'i3d=checked', '-o', 'json'];
      const { status, stdout, stderr } = spawnSync('kubectl', args, { encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const { kind, spec } = JSON.parse(stdout);
      expect(kind).toBe('Job');
      expect(spec).toMatchObject({
        completionMode: 'Indexed',
        completions: 16,
        parallelism: 16,
        backoffLimitPerIndex: 2,
      });
      expect(spec.maxFailedIndexes).toBe(16);
      const { containers, volumes, restartPolicy } = spec.template.spec;
      expect(restartPolicy).toBe('Never');
      expect(volumes).toEqual([{ name: 'data', persistentVolumeClaim: { claimName: 'i3d-data' } }]);
      const [{ args: words, command, resources, volumeMounts, env }] = containers;
      expect(command).toEqual(['/bin/sh', '-c']);
      expect(words).toHaveLength(1);
      expect(words[0]).toMatch(
        /^exec i3d features \S+ --out \S+ --preset [\s\S]* --shard "\$JOB_COMPLETION_INDEX\/\$SHARDS"$/,
      );
      expect(words[0]).not.toContain('\n');
      expect(env).toEqual([{ name: 'SHARDS', value: '16' }]);
      expect(resources.limits['nvidia.com/gpu']).toBe('1');
      expect(volumeMounts).toEqual([{ name: 'data', mountPath: '/data' }]);
    },
  );
});

test('the container file installs what npm run release packs, and the package’s peers', () => {
  const text = readFileSync(deploy('Containerfile'), 'utf8');
  const { peerDependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  for (const name of Object.keys(peerDependencies)) expect(text).toMatch(new RegExp(` ${name}@\\S+`));
  expect(text).toContain('COPY out/i3d-webgpu-*.tgz');
  expect(text).toMatch(/^ENTRYPOINT \["i3d"\]$/m);
});
