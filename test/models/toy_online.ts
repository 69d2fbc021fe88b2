/** @file A small network whose frames may come one by one. */

import { defineModel } from '../../src/models/definition.ts';
import { centred, linearHead, unit } from '../../src/models/units.ts';

/** Two layers whose second one looks at a frame and, of 6 channels, at the one before. */
export const toyOnline = defineModel({
  id: 'toy-online',
  name: 'the toy',
  defaults: { frames: 3, size: 12, shortSide: 12 },
  online: true,
  build(builder, { classes }, clip, { dropout, memory }) {
    const kernel = [1, 3, 3] as const;
    const first = unit(builder, 'stem', clip, { kernel, padding: centred(kernel), channels: 10 });
    const part = builder.slice('part', first, { axis: -1, offset: 0, size: 6 });
    const before = memory ? memory.exchange('part', part) : builder.shift('shift', part, { axis: 1, by: 1 });
    const joined = builder.concat('joined', [first, before]);
    return linearHead(builder, 'head', unit(builder, 'second', joined, { kernel: [1, 1, 1], channels: 9 }), {
      classes,
      dropout,
    });
  },
  stem: 'stem',
  head: 'head',
});
