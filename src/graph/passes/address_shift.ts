/**
 * @file A temporal shift of some channels (slices of x, moved by a frame and joined again) disappears into the convolution of 1×1×1 behind
 * it, which reads each of its channels from the frame that it comes from. Two copies of x less.
 */

import { concat } from '../../ops/concat.ts';
import { type Conv3dAttributes, conv3d } from '../../ops/conv3d/conv3d.ts';
import { type ShiftedConv3dAttributes, shiftedConv3d } from '../../ops/conv3d/shifted.ts';
import { shift, slice } from '../../ops/slice.ts';
import { type Graph, isOp, type Node, parameterValues, producers, type ValueId } from '../graph.ts';
import { rewrite } from '../rewrite.ts';

const TIME = 1;

/** Channels of x, in order, and how many frames on they come from. */
interface Part {
  readonly x: ValueId;
  readonly offset: number;
  readonly size: number;
  readonly frames: number;
}

export function addressShift(graph: Graph): Graph {
  const makers = producers(graph);
  const parameters = parameterValues(graph);
  return rewrite(graph, (node, { builder, to, map, copy }) => {
    const found = isOp(node, conv3d) && parameters.has(node.inputs[1]!) ? shifted(graph, node, makers) : undefined;
    if (!found) {
      copy(node);
      return;
    }
    const [, ...rest] = node.inputs.map(to);
    const outputs = builder.add(shiftedConv3d, node.name, found.attributes, [to(found.x), ...rest]);
    node.outputs.forEach((output, i) => {
      map(output, outputs[i]!);
    });
  });
}

/** What a convolution reads, if that is x with channels of other frames. */
function shifted(
  graph: Graph,
  { inputs, attributes }: Node<Conv3dAttributes>,
  makers: ReadonlyMap<ValueId, Node>,
): { readonly x: ValueId; readonly attributes: ShiftedConv3dAttributes } | undefined {
  const shapeOf = (value: ValueId) => graph.values[value]!.type.shape;
  const [kernel, joined] = [shapeOf(inputs[1]!).slice(0, 3), makers.get(inputs[0]!)];
  const { stride, padding, groups } = attributes;
  const plain = padding === 'same' || padding === 'valid' || padding.flat().every((amount) => amount === 0);
  if (!plain || groups !== 1 || [...kernel, ...stride].some((extent) => extent !== 1)) return undefined;
  if (!isOp(joined, concat)) return undefined;
  const parts = joined.inputs.map((value) => partOf(value, shapeOf, makers));
  if (!parts.every((part) => part !== undefined)) return undefined;
  const [first, second, third, ...more] = parts;
  const x = first!.x;
  const inOrder = parts.every(
    (part, i) => part.x === x && part.offset === parts.slice(0, i).reduce((sum, { size }) => sum + size, 0),
  );
  const vectors = parts.slice(0, -1).every(({ size }) => size % 4 === 0);
  const covers = parts.reduce((sum, { size }) => sum + size, 0) === shapeOf(x).at(-1);
  const beside = parts.every(({ frames }) => Math.abs(frames) <= 1);
  if (!inOrder || !vectors || !covers || !beside || !second || more.length > 0) return undefined;
  const last = third ?? second;
  if (last.frames !== 0) return undefined;
  const ends = third ? [first!.size, first!.size + second.size] : [first!.size, first!.size];
  return {
    x,
    attributes: {
      ...attributes,
      shift: { first: ends[0]! / 4, second: ends[1]! / 4, frames: [first!.frames, third ? second.frames : 0] },
    },
  };
}

function partOf(
  value: ValueId,
  shapeOf: (value: ValueId) => readonly number[],
  makers: ReadonlyMap<ValueId, Node>,
): Part | undefined {
  const maker = makers.get(value);
  if (isOp(maker, shift)) {
    const { axis, by } = maker.attributes;
    const inner = partOf(maker.inputs[0]!, shapeOf, makers);
    return inner && axis === TIME && inner.frames === 0 ? { ...inner, frames: -by } : undefined;
  }
  if (!isOp(maker, slice)) return undefined;
  const { axis, offset, size } = maker.attributes;
  const x = maker.inputs[0]!;
  const channels = shapeOf(x).length - 1;
  return shapeOf(x).length === 5 && (axis === -1 || axis === channels) ? { x, offset, size, frames: 0 } : undefined;
}
