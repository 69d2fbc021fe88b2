/**
 * @file The text tower beside S3D-G, as antoine77340/S3D_HowTo100M has it (Miech et al., "End-to-End Learning of Visual Representations
 * from Uncurated Instructional Videos", CVPR 2020, section 3.2): a row for each word, a dense layer with ReLU, the largest value over
 * all words, a dense layer.
 */

import type { TextTower } from '../models/definition.ts';
import { torchNaming } from '../models/naming.ts';

export const ORIGIN = 'antoine77340/S3D_HowTo100M';

const PREFIX = 'text_module.';
/** Between the two layers. */
const HIDDEN = 2048;

export const HOWTO100M_TEXT: TextTower = {
  prefix: PREFIX,
  table: `${PREFIX}word_embd.weight`,
  naming: { ...torchNaming(ORIGIN, (layer) => ({ layer: `${PREFIX}${layer}` })), ignored: /word_embd\.weight$/ },
  stem: 'fc1/weights',
  head: 'fc2/weights',
  words: 16,
  // What Python's \w is: letters and numbers of any script, and the underline.
  split: (text) => text.toLowerCase().match(/[\p{L}\p{N}_']+/gu) ?? [],
  build(builder, rows, dimensions) {
    const dense = (name: string, x: number, channels: number) => {
      const weights = builder.parameter(`${name}/weights`, [builder.shapeOf(x).at(-1)!, channels]);
      return builder.linear(name, x, weights, builder.parameter(`${name}/bias`, [channels]));
    };
    const hidden = builder.relu('fc1/relu', dense('fc1', rows, HIDDEN));
    return dense('fc2', builder.reduce('words', 'max', hidden, [1]), dimensions);
  },
};
