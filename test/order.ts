/**
 * @file In which order files run: the long ones first, so that neither of two processes is left with one at the end. A fresh clone
 * knows no durations, and the sizes of files tell little. The first two share no shaders, which would be compiled twice.
 */

import { BaseSequencer, type TestSpecification } from 'vitest/node';

const LONG = [
  'ops/conv3d_candidates',
  'web/recognise',
  'web/bench',
  'zoo/zoo',
  'cli/train',
  'cli/train',
  'train/zoo',
  'cli/features',
  'cli/search',
  'cli/anomaly',
  'flow/tvl1',
  'ops/conv3d_gradient',
  'kernels/conv3d',
  'kernels/tvl1',
  'cli/commands',
  'cli/errors',
  'i3d/parity',
  'i3d/classifier',
  'kernels/nan_swiftshader',
  'cli/models',
  'cli/inflate',
  'i3d/half',
  'train/step',
  'flow/two_stream',
  'package/package',
  'fuzz/fuzz',
].map((name) => `/test/${name}.test.ts`);

/** Its place in the list; after it where it is not there. */
function place({ moduleId }: TestSpecification): number {
  const found = LONG.findIndex((end) => moduleId.endsWith(end));
  return found < 0 ? LONG.length : found;
}

export default class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}
