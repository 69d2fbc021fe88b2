/** @file What is chosen for every layer of I3D on a device, as a table that a reader can follow. */

import { ACCURACIES, type Accuracy, type DeviceProfile } from '../../src/core/kernel.ts';
import { allowedCandidates, type ChoiceNode, devicePasses, nodesToRun } from '../../src/graph/choose.ts';
import { isOp } from '../../src/graph/graph.ts';
import { inferencePasses } from '../../src/graph/passes/index.ts';
import { assignStorage } from '../../src/graph/storage.ts';
import { I3D_OUTPUTS, i3dGraph } from '../../src/i3d/i3d.ts';
import { conv3dBranches } from '../../src/ops/conv3d/branches.ts';
import { deviceRates } from '../../src/ops/device_rates.ts';
import { estimate } from '../../src/ops/estimate.ts';
import type { Candidate, Operand } from '../../src/ops/operator.ts';

/** A layer, how often the network has it, and its ways of being computed within an accuracy class, best first. */
export interface LayerChoice {
  readonly layer: string;
  readonly count: number;
  readonly entry: ChoiceNode;
  readonly candidates: readonly Candidate[];
}

/** Every distinct convolution and pool of I3D, in the order of the network. */
export async function i3dChoices(profile: DeviceProfile, frames: number, accuracy: Accuracy): Promise<LayerChoice[]> {
  const graph = i3dGraph({ frames, height: 224, width: 224, channels: 3, classes: 400 });
  const prepared = await inferencePasses(graph, {
    outputs: [I3D_OUTPUTS.logits],
    ...devicePasses(profile, { accuracy }),
  });
  const found = new Map<string, LayerChoice>();
  for await (const entry of nodesToRun(prepared, assignStorage(prepared), profile)) {
    if (!/^(conv3d|conv3dBranches|pool3d)$/.test(entry.node.operator.type)) continue;
    const layer = nameOf(entry);
    const candidates = allowedCandidates(entry, accuracy);
    found.set(layer, { layer, entry, candidates, count: 1 + (found.get(layer)?.count ?? 0) });
  }
  return [...found.values()];
}

function nameOf({ node, operands }: ChoiceNode): string {
  const { inputs, outputs } = operands;
  if (isOp(node, conv3dBranches)) {
    // Each as it would be called alone.
    const first = node.attributes.channels[0].length;
    const half = inputs.length / 2;
    const alone = (from: number, to: number | undefined, y: number, end?: number): string =>
      windowName(node.attributes, inputs.slice(from, to), outputs.slice(y, end));
    return `${alone(0, half, 0, first)} | ${alone(half, undefined, first)}`;
  }
  return windowName(node.attributes, inputs, outputs);
}

function windowName(of: object, inputs: readonly Operand[], outputs: readonly Operand[]): string {
  const [x, weights] = inputs.map(({ type }) => type.shape);
  const at = x!.slice(1, 4).join('×');
  const attributes = of as { stride: readonly number[]; kernel?: readonly number[]; mode?: string };
  const window = (attributes.kernel ?? weights!.slice(0, 3)).join('×');
  const stride = attributes.stride.every((s) => s === 1) ? '' : `/${attributes.stride.join('×')}`;
  if (attributes.mode) return `${attributes.mode} ${window}${stride} of ${x![4]} at ${at}`;
  return `${window}${stride} ${x![4]}→${outputs.map(({ type }) => type.shape[4]).join('+')} at ${at}`;
}

/** All classes of a device; those that choose alike share a line. */
export async function choicesText(profile: DeviceProfile, frames: number): Promise<string> {
  const rates = deviceRates(profile);
  const micros = (candidate: Candidate): number => estimate(candidate, rates);
  const classes = await Promise.all(ACCURACIES.map((accuracy) => i3dChoices(profile, frames, accuracy)));
  const rows: string[][] = [];
  const totals = ACCURACIES.map(() => 0);
  classes[0]!.forEach(({ layer, count }, i) => {
    const lines = new Map<string, string[]>();
    classes.forEach((layers, c) => {
      const [best, second] = layers[i]!.candidates as [Candidate, Candidate | undefined];
      totals[c]! += count * micros(best);
      const behind = second && `${second.name} +${Math.round(100 * (micros(second) / micros(best) - 1))} %`;
      const line = [best.name, digits(micros(best)), behind ?? ''].join('\n');
      lines.set(line, [...(lines.get(line) ?? []), ACCURACIES[c]!]);
    });
    [...lines].forEach(([line, names], first) => {
      const title = first === 0 ? `${layer}${count > 1 ? ` (${count} times)` : ''}` : '';
      rows.push([title, names.length === 3 ? 'all' : names.join(' '), ...line.split('\n')]);
    });
  });
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const text = rows.map((row) => {
    const cells = row.map((cell, i) => (i === 3 ? cell.padStart(widths[3]!) : cell.padEnd(widths[i] ?? 0)));
    return cells.join('  ').trimEnd();
  });
  const sums = ACCURACIES.map((accuracy, c) => `${accuracy} ${digits(totals[c]!)} µs`).join(', ');
  return [`${frames} frames: ${sums}`, '', ...text].join('\n');
}

const digits = (micros: number): string => (micros < 100 ? micros.toPrecision(2) : String(Math.round(micros)));
