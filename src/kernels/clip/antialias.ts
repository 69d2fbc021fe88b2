/**
 * @file A picture of four bytes a pixel at another size: bilinear with half-pixel centres, and, where it shrinks, as wide as a pixel of
 * the result, so that every pixel counts (antialiasing): what `models/resize.ts` does on the host. One thread per pixel of the result,
 * which sums over all pixels that it covers; rows may have padding behind them, as copies of textures have.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

/** Pixels. */
interface Size {
  readonly height: number;
  readonly width: number;
}

export interface AntialiasProblem {
  readonly picture: Size;
  /** Pixels from one row of the picture to the next; its width where left out. */
  readonly pitch?: number;
  readonly resized: Size;
  /** Where the result begins in its binding, in pixels. */
  readonly first?: number;
}

const Params = struct('Antialias', {
  height: 'u32',
  width: 'u32',
  pitch: 'u32',
  y_h: 'u32',
  y_w: 'u32',
  first: 'u32',
  ratio_h: 'f32',
  ratio_w: 'f32',
});

const WORKGROUP = 64;

/** Bindings: picture and y, pixels of `u32`: red in the lowest byte, then green and blue; the last one becomes 255. */
export function antialias({ picture, pitch = picture.width, resized, first = 0 }: AntialiasProblem): Kernel {
  const { height, width } = picture;
  return kernel({
    name: 'antialias',
    params: Params,
    values: {
      height,
      width,
      pitch,
      y_h: resized.height,
      y_w: resized.width,
      first,
      ratio_h: height / resized.height,
      ratio_w: width / resized.width,
    },
    storage: [storage('picture', 'array<u32>'), storage('y', 'array<u32>')],
    workgroups: foldGrid(divideUp(resized.height * resized.width, WORKGROUP)),
    body: /* wgsl */ `
${entryPoint(WORKGROUP)} {
  let pixel = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane;
  if (pixel >= p.y_h * p.y_w) { return; }
  let ratio = vec2f(p.ratio_w, p.ratio_h);
  let reach = max(ratio, vec2f(1));
  let centre = (vec2f(vec2u(pixel % p.y_w, pixel / p.y_w)) + 0.5) * ratio - 0.5;
  let size = vec2f(vec2u(p.width, p.height));
  let low = vec2u(max(ceil(centre - reach), vec2f(0)));
  let high = vec2u(min(floor(centre + reach), size - 1.0));
  var sum = vec3f(0);
  var weights = 0.0;
  for (var row = low.y; row <= high.y; row++) {
    let by_row = max(0.0, 1.0 - abs(f32(row) - centre.y) / reach.y);
    for (var column = low.x; column <= high.x; column++) {
      let weight = by_row * max(0.0, 1.0 - abs(f32(column) - centre.x) / reach.x);
      let word = picture[row * p.pitch + column];
      sum += weight * vec3f(vec3u(word, word >> 8u, word >> 16u) & vec3u(255u));
      weights += weight;
    }
  }
  let bytes = vec3u(sum / weights + 0.5);
  y[p.first + pixel] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | 0xff000000u;
}`,
  });
}
