/** @file What kernels of narrow subgroups (software adapters) share: when they apply, their weights and their product. */

import type { Binding, DeviceProfile } from '../../core/kernel.ts';
import { constant, texels } from './wgsl.ts';

/** Lanes of a subgroup where every workgroup of that size is exactly one subgroup and narrow enough to be unrolled. */
export function fixedNarrowSubgroup(profile: DeviceProfile): number | undefined {
  const { subgroups, subgroupMinSize, subgroupMaxSize } = profile;
  if (!subgroups || subgroupMinSize !== subgroupMaxSize) return undefined;
  return subgroupMinSize >= 4 && subgroupMinSize <= 16 ? subgroupMinSize : undefined;
}

/**
 * Where the weights lie. `buffer`: [rows of K][cout4]. `panels`: cut into panels of as many vec4 as there are lanes
 * (`packPanels`), in a texture. Mesa's llvmpipe reads a texture with one call of 50 instructions for a vector of vec4, and a
 * buffer inside a loop with a test, a bounds check and an insert for each lane and component, 320 instructions each time.
 */
export type WeightsIn = 'buffer' | 'panels';

/**
 * The weights of a workgroup whose lane l has the output channels 4·oc4 … 4·oc4 + 3, oc4 = workgroup.y·lanes + l. Lanes past
 * the last channel read the last one's.
 */
interface LaneWeights {
  readonly binding: Binding;
  /** Declares what `load` needs, before the loop over K. `group` and `rows` of K per group are WGSL expressions. */
  begin(group: string, rows: string): string;
  /** Declares the weights `w0` … `w3` of the next 4 rows of K. */
  readonly load: string;
}

export function laneWeights(weightsIn: WeightsIn, lanes: number): LaneWeights {
  const panels = weightsIn === 'panels';
  const at = (index: string): string => (panels ? `weights_at(${index})` : `weights[${index}]`);
  const rows = ['w_at', 'w_at + w_width', 'w_at + 2u * w_width', 'w_at + 3u * w_width'];
  return {
    binding: (panels ? texels : constant)('weights'),
    begin: (group, rowsOfK) =>
      panels
        ? `let w_panel = workgroup.y * ${lanes}u;
  let w_width = min(${lanes}u, p.cout4 - w_panel);
  var w_at = (${group} * p.cout4 + w_panel) * ${rowsOfK} + min(lane, w_width - 1u);`
        : `let w_width = p.cout4;
  var w_at = ${group} * ${rowsOfK} * p.cout4 + min(oc4, p.cout4 - 1u);`,
    load: `${rows.map((index, row) => `let w${row} = ${at(index)};`).join(' ')} w_at += 4u * w_width;`,
  };
}

/**
 * `value` of one lane, in all lanes. With 8 lanes as a shuffle: llvmpipe makes one permutation of it where a vector has 8
 * elements (AVX2), and of a broadcast two and a test. Narrower vectors have no such instruction and take a loop.
 */
const broadcast = (value: string, lane: number, lanes: number): string =>
  `${lanes === 8 ? 'subgroupShuffle' : 'subgroupBroadcast'}(${value}, ${lane}u)`;

/** Adds the product of 4 channels, `value` of each lane in turn, with `w0` … `w3` to `acc<first>` … of every lane. */
export function broadcastProducts(value: string, first: number, lanes: number): string[] {
  return Array.from({ length: lanes }, (_, lane) => {
    const [acc, b] = [`acc${first + lane}`, `b${lane}`];
    return (
      `let ${b} = ${broadcast(value, lane, lanes)}; ` +
      `${acc} += ${b}.x * w0; ${acc} += ${b}.y * w1; ${acc} += ${b}.z * w2; ${acc} += ${b}.w * w3;`
    );
  });
}
