/**
 * @file A kernel from a file, for `bench lab FILE.wgsl`. The file is the body of a convolution kernel; the bench puts in front
 * of it what all of them share (see src/kernels/conv3d/problem.ts):
 *
 *   struct Conv3d { pixels, cin4, cout4, relu, x_t, x_h, x_w, x_stride, y_t, … }   the sizes; strides and bases in vec4
 *   var<uniform> p: Conv3d
 *   var<storage> x, weights, bias, y0: array<vec4f>     weights as [taps][4·cin4][cout4], vec4f over the output channels
 *   fn corner(pixel: u32) -> vec4i                      the input position under the first tap
 *   fn address(corner: vec4i, tap: vec3i) -> i32        where that input pixel starts in x, or −1 in the padding
 *   fn store(pixel: u32, oc4: u32, value: vec4f)        bias, ReLU, both tails
 *
 * Comments in the file say what the bench must know:
 *
 *   // tile: 8*PIXELS x LANES      output pixels × vec4 of output channels per workgroup: products of numbers and names
 *   // sweep PIXELS: 2 3 4         a `const PIXELS = …u;` for each value in turn; several sweeps are combined
 *   // enable: subgroups           WGSL extensions
 *
 * Workgroup (i, j, k) of the grid has pixel tile `i + k * num_workgroups.x` and channel tile `j`.
 */

import { InputError } from '../src/core/errors.ts';
import {
  Conv3dParams,
  conv3dBindings,
  conv3dValues,
  PIXEL_FUNCTIONS,
  storeFunction,
} from '../src/kernels/conv3d/problem.ts';
import { pixelsOf } from '../src/kernels/shared/view.ts';
import { divideUp, foldGrid, kernel } from '../src/kernels/shared/wgsl.ts';
import { type LabVariant, product } from './lab_sweep.ts';

/** @throws InputError when the file does not say its tile. */
export function parseLabFile(text: string, path: string): LabVariant[] {
  const tile = /^\s*\/\/\s*tile:\s*(\S+)\s+[x×]\s+(\S+)\s*$/m.exec(text);
  if (!tile) {
    throw new InputError(
      `${path} needs a comment "// tile: PIXELS x VECTORS": what a workgroup computes (see bench/lab_file.ts).`,
    );
  }
  const sweeps = [...text.matchAll(/^\s*\/\/\s*sweep\s+(\w+):\s*([\d ,]+)$/gm)].map(
    ([, name, values]) => [name!, values!.trim().split(/[ ,]+/).map(Number)] as const,
  );
  const enable = [...text.matchAll(/^\s*\/\/\s*enable:\s*(\w+)\s*$/gm)].map(([, name]) => `enable ${name};`).join('\n');
  return product(Object.fromEntries(sweeps)).map((constants) => {
    const [pixels, vectors] = [evaluate(tile[1]!, constants, path), evaluate(tile[2]!, constants, path)];
    const entries = Object.entries(constants);
    return {
      name: entries.map(([name, value]) => `${name} ${value}`).join(', '),
      kernel: (problem) => {
        const values = conv3dValues(problem);
        return kernel({
          name: path,
          params: Conv3dParams,
          values,
          storage: conv3dBindings(problem),
          workgroups: foldGrid(divideUp(pixelsOf(problem.outputs[0]!), pixels), divideUp(values.cout4, vectors)),
          ...(enable ? { enable } : {}),
          body: [
            PIXEL_FUNCTIONS,
            storeFunction(problem),
            ...entries.map(([name, value]) => `const ${name} = ${value}u;`),
            text,
          ].join('\n'),
        });
      },
    };
  });
}

/** A product such as `8*PIXELS`. */
function evaluate(expression: string, constants: Readonly<Record<string, number>>, path: string): number {
  return expression.split('*').reduce((result, factor) => {
    const value = Object.hasOwn(constants, factor) ? constants[factor]! : Number(factor);
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new InputError(`${path}: ${factor} in "${expression}" is neither a number nor a name that is swept.`);
    }
    return result * value;
  }, 1);
}
