/** @file Layers of I3D in groups that have about the same shape: by block and window. */

import { isConvolution } from '../cases.ts';
import type { Layer } from './outcome.ts';

export interface LayerGroup {
  /** Such as `Mixed_4 3×3×3`. */
  readonly name: string;
  readonly ms: number;
  /** Of all layers' time. */
  readonly share: number;
  readonly flops: number;
  readonly bytes: number;
  /** Whether it moves values instead of computing. */
  readonly pools: boolean;
}

/** In the order of the model. */
export function groupsOf(layers: readonly Layer[]): LayerGroup[] {
  const whole = layers.reduce((sum, { ms }) => sum + ms, 0);
  const groups = new Map<string, LayerGroup>();
  for (const layer of layers) {
    const name = groupOf(layer);
    const { ms, flops, bytes } = layer;
    const before = groups.get(name) ?? { name, ms: 0, share: 0, flops: 0, bytes: 0, pools: !isConvolution(layer.op) };
    groups.set(name, {
      ...before,
      ms: before.ms + ms,
      share: before.share + ms / whole,
      flops: before.flops + flops,
      bytes: before.bytes + bytes,
    });
  }
  return [...groups.values()];
}

/** Merged siblings go by the first one's name. */
function groupOf({ node, op }: Layer): string {
  if (op === 'pool3d') return 'pools';
  if (!isConvolution(op)) return 'others';
  const block = /(Conv3d_\d|Mixed_\d|logits)/i.exec(node)?.[1] ?? 'others';
  const window = /_(\d)x\1/.exec(node.split(' + ')[0]!)?.[1];
  return window === undefined ? block : `${block} ${window}×${window}×${window}`;
}
