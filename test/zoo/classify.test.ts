/**
 * @file What a person does with somebody's checkpoint and frames: `i3d classify FRAMES.npy --rgb FILE.pt --frames N --logits --json`. The
 * frames have the size that the model takes and go in as they are; what they are normalised by is what the golden file says.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { floatTensor } from '../../src/core/tensor.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { modelGraph, OUTPUTS } from '../../src/models/graph.ts';
import { readWeights } from '../../src/models/weights.ts';
import { checkpointOf } from '../cli/checkpoint.ts';
import { i3d } from '../cli/command.ts';
import { testFolder } from '../folder.ts';
import { formulaTensors } from '../formula.ts';
import { whenFull } from '../full.ts';
import { testGpu } from '../harness.ts';
import { describeWithShared } from '../shared.ts';
import { readGolden } from './golden.ts';

const gpu = testGpu();
const folder = testFolder('i3d-zoo-');

/** The files of `golden/zoo`, whose models have sizes of their own. */
const NETWORKS: readonly (readonly [file: string, id: string])[] = [
  ['x3d_xs', 'x3d-xs'],
  ...whenFull([
    ['c3d', 'c3d'],
    ['s3d', 's3d'],
    ['s3d_torchvision', 's3d-torchvision'],
    ['s3dg', 's3d-g'],
    ['r3d_18', 'r3d-18'],
    ['mc3_18', 'mc3-18'],
    ['r2plus1d_18', 'r2plus1d-18'],
    ['i3d_r50', 'i3d-r50'],
    ['i3d_nln_r50', 'i3d-nln-r50'],
    ['tsm_r50', 'tsm-r50'],
    ['x3d_s', 'x3d-s'],
    ['x3d_m', 'x3d-m'],
  ] as const),
];

describeWithShared(
  'classify',
  NETWORKS.map(([file]) => `golden/zoo/${file}.json`),
  (...paths) => {
    test.each(NETWORKS.map(([file, id], i) => [id, file, paths[i]!] as const))(
      'gives the logits of %s on frames as they are',
      async (id, file, path) => {
        const golden = readGolden(path);
        const { frames, size, gain, mean, std } = golden;
        const parameters = Object.entries(golden.parameters).map(([name, shape]) => {
          // Of the text tower few words do.
          return [name, name.endsWith('word_embd.weight') ? [5, shape[1]!] : shape] as const;
        });
        const tensors = formulaTensors(parameters, gain);
        // A name that says nothing of the model, as somebody's last.pt does.
        const [weights, array] = [join(folder, 'weights.pt'), join(folder, 'frames.npy')];
        writeFileSync(
          weights,
          checkpointOf(
            Object.fromEntries([...tensors].map(([name, tensor]) => [`module.${name}`, tensor])),
            'state_dict',
          ),
        );
        const shape = [frames + 1, size, size, 3];
        const data = Uint8Array.from({ length: (frames + 1) * size * size * 3 }, (_, i) => {
          const [c, x, y] = [i % 3, Math.floor(i / 3) % size, Math.floor(i / 3 / size) % size];
          return 127 + 120 * Math.sin(0.11 * x + c) * Math.cos(0.07 * y + (0.5 * i) / (size * size * 3));
        });
        writeFileSync(array, encodeNpy({ dtype: 'u8', shape, data }));
        const { code, stdout, stderr } = await i3d([
          'classify',
          array,
          ...['--rgb', weights, '--frames', String(frames), '--logits', '--json'],
        ]);
        expect(stderr).toMatch(id === 's3d-g' ? /^i3d: S3D-G gives no classes/ : /^$/);
        expect(code).toBe(0);
        const { logits, models } = JSON.parse(stdout);
        expect(models.rgb.model).toBe(id);

        const { spec, parameters: ours } = readWeights(tensors, file, [MODELS.get(id)]);
        const clip = floatTensor(
          [1, frames, size, size, 3],
          Float32Array.from(data.subarray(0, frames * size * size * 3), (byte, i) => {
            // C3D's file is of bytes as they are, and its golden file was computed without any scale.
            const value = id === 'c3d' ? byte : byte / 255;
            return (value - mean[i % 3]!) / std[i % 3]!;
          }),
        );
        const onDevice = new DeviceParameters(gpu(), ours);
        const plan = await compile(modelGraph(spec, { frames, height: size, width: size }), onDevice, {
          outputs: [OUTPUTS.logits],
        });
        const expected = (await plan.run({ clip }))[OUTPUTS.logits]!.data;
        plan.dispose();
        onDevice.dispose();
        const largest = Math.max(...expected.map(Math.abs));
        const worst = Math.max(...expected.map((value, i) => Math.abs(value - logits[i])));
        expect(worst / largest).toBeLessThan(1e-4);
      },
    );
  },
);
