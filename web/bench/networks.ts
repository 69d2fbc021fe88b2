/** @file The networks that can be tuned: those that the recognition page runs. */

import { STREAMS, type Stream } from '../../src/models/definition.ts';

/** A network whose layers are tuned, at the size of window that it takes by itself. */
export interface NetworkShape {
  /** An id of `MODELS`. */
  readonly architecture: string;
  readonly width: number;
  readonly stream: Stream;
  readonly classes: number;
}

const I3D = { architecture: 'i3d', width: 1, classes: 400 };
/** With their 18 actions. */
const COMING_ALONG = { architecture: 'inception-4', width: 0.25, classes: 18 };

export const TUNABLE = ['small', 'i3d'] as const;
export type Tunable = (typeof TUNABLE)[number];

export const NETWORKS: Readonly<Record<Tunable, { readonly title: string; readonly shapes: readonly NetworkShape[] }>> =
  {
    small: {
      title: 'the models that come along, 16×56×56',
      shapes: STREAMS.map((stream) => ({ ...COMING_ALONG, stream })),
    },
    i3d: { title: 'I3D, 64×224×224', shapes: STREAMS.map((stream) => ({ ...I3D, stream })) },
  };
