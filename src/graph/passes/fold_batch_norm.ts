/** @file conv3d → batchNorm becomes a conv3d whose weights and bias hold the normalisation, computed once on the host. */

import { batchNorm } from '../../ops/batch_norm.ts';
import { conv3d } from '../../ops/conv3d/conv3d.ts';
import { foldedBias, foldedWeights } from '../../ops/folded.ts';
import { type Graph, isOp, producers, useCounts } from '../graph.ts';
import { rewrite } from '../rewrite.ts';

export function foldBatchNorm(graph: Graph): Graph {
  const makers = producers(graph);
  const uses = useCounts(graph);
  const folded = new Set(
    graph.nodes.flatMap((node) => {
      if (!isOp(node, batchNorm)) return [];
      const conv = makers.get(node.inputs[0]!);
      const foldable = isOp(conv, conv3d) && conv.outputs.length === 1 && conv.attributes.activation === 'none';
      return foldable && uses.get(conv.outputs[0]!) === 1 ? [conv] : [];
    }),
  );
  return rewrite(graph, (node, { builder, to, map, copy }) => {
    // Folded convolutions are written where their batch norm stands.
    if (isOp(node, conv3d) && folded.has(node)) return;
    const conv = isOp(node, batchNorm) ? makers.get(node.inputs[0]!) : undefined;
    if (!isOp(node, batchNorm) || !isOp(conv, conv3d) || !folded.has(conv)) {
      copy(node);
      return;
    }
    const { epsilon, activation } = node.attributes;
    const [, gamma, beta, mean, variance] = node.inputs.map((value, i) => (i === 0 ? -1 : to(value)));
    const [x, weights, bias] = conv.inputs.map(to);
    const [scaled] = builder.add(foldedWeights, `${conv.name}/weights`, { epsilon }, [weights!, gamma!, variance!]);
    const biasInputs = [gamma!, beta!, mean!, variance!, ...(bias === undefined ? [] : [bias])];
    const [shift] = builder.add(foldedBias, `${conv.name}/bias`, { epsilon }, biasInputs);
    const [y] = builder.add(conv3d, conv.name, { ...conv.attributes, activation }, [x!, scaled!, shift!]);
    map(node.outputs[0]!, y!);
  });
}
