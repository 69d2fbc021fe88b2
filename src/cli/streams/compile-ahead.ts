/** @file Compiles what a clip will need while it is still being made, opened or decoded, and while weights are read. */

import { compileFlow, type PresetName } from '../../flow/index.ts';
import { Recogniser } from '../../models/recogniser.ts';
import type { SeenFrame } from '../../recognition/frame_reading.ts';
import type { ChosenNetworks } from '../networks.ts';
import type { DeviceFlags } from '../options.ts';
import type { Session } from '../session.ts';

interface AheadOptions extends DeviceFlags {
  /** Frames of a window, where not those that the networks take. */
  readonly frames?: number | undefined;
  /** How flow will be computed; nothing where it will not be. */
  readonly flow?: PresetName | undefined;
}

/** @param seen What the networks will get of a frame. Another size mostly has the same kernels. */
export async function compileAhead(
  { specs }: Pick<ChosenNetworks, 'specs'>,
  seen: SeenFrame,
  options: AheadOptions,
  session: Session,
): Promise<void> {
  const { accuracy, kernel, flow } = options;
  const settings = { accuracy, kernel, tuning: await session.tuning() };
  await session.time('compile', () =>
    session.onDevice(async (gpu) => {
      // What is needed first.
      if (flow !== undefined) await compileFlow(gpu, flow);
      for (const spec of specs.values()) {
        const { stream, size, channels, frames: ownFrames } = spec;
        const frames = options.frames ?? ownFrames;
        const input =
          stream === 'rgb'
            ? { dtype: seen.dtype, shape: [frames, ...seen.side, 3] }
            : { dtype: 'f32' as const, shape: [frames, size, size, channels] };
        await Recogniser.compileAhead(gpu, spec, input, settings);
      }
    }),
  );
}
