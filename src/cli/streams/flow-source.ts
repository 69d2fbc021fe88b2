/** @file The flow stream's input for the windows of a clip, read from a file. */

import { InputError } from '../../core/errors.ts';
import { type FloatTensor, sizeOf } from '../../core/tensor.ts';
import { flowToStream } from '../../flow/index.ts';
import { ArrayClip } from '../../io/array-clip.ts';
import type { ModelSpec } from '../../models/definition.ts';
import { preprocessGeometry } from '../../models/frames.ts';
import { type FlowSource, repeatLast } from '../../recognition/computed_flow.ts';
import type { ClipWindow } from '../../recognition/window_stream.ts';
import type { Session } from '../session.ts';

export type FlowUnits = 'pixels' | 'scaled';

/** What of a model the units and the size of its flow depend on. */
type FlowSpec = Pick<ModelSpec, 'shortSide' | 'size' | 'flowBound'>;

/** Frames whose values are looked at before anything slow begins. */
const LOOKED_AT = 64;

/** Flow from a `.npy` file, T×H×W×2; frames of another size than the network's are resized and cropped as RGB frames are. */
export class StoredFlow implements FlowSource {
  private constructor(
    private readonly session: Session,
    private readonly path: string,
    private readonly units: FlowUnits,
    private readonly quantise: boolean,
    private readonly spec: FlowSpec,
    readonly flow: ArrayClip,
  ) {}

  /** @throws InputError when the file holds no flow, or values that are not finite or out of range. */
  static async open(
    path: string,
    units: FlowUnits,
    quantise: boolean,
    spec: FlowSpec,
    session: Session,
  ): Promise<StoredFlow> {
    return session.time('decode', async () => {
      const flow = await ArrayClip.open(path, 'flow', { scaled: units === 'scaled' });
      const stored = new StoredFlow(session, path, units, quantise, spec, flow);
      try {
        await flow.read(0, Math.min(LOOKED_AT, flow.frames));
        return stored;
      } catch (error) {
        await stored.close();
        throw error;
      }
    });
  }

  async of({ start, frames }: Pick<ClipWindow, 'start' | 'frames'>): Promise<FloatTensor> {
    const total = this.flow.frames;
    // Of T frames there are T − 1 flows.
    if (total < start + frames - 1) {
      throw new InputError(
        `${this.path} has ${total} flow frames, and the window of frames ${start} to ${start + frames - 1} needs ${start + frames - 1}.`,
      );
    }
    const count = Math.min(frames, total - start);
    const input = await this.toInput(await this.flow.readFloats(start, count));
    const each = sizeOf(input.shape.slice(1));
    const parts = Array.from({ length: count }, (_, i) => input.data.subarray(i * each, (i + 1) * each));
    return repeatLast(parts, frames, input.shape.slice(1));
  }

  close(): Promise<void> {
    return this.flow.close();
  }

  private async toInput(flow: FloatTensor): Promise<FloatTensor> {
    if (this.units === 'scaled') return flow;
    const [, height = 0, width = 0] = flow.shape;
    const { shortSide, size, flowBound } = this.spec;
    const { resized, crop } = preprocessGeometry(height, width, { shortSide, crop: size });
    const options = { resized, crop, bound: flowBound, quantise: this.quantise };
    return this.session.time('prepare', () => this.session.onDevice((gpu) => flowToStream(gpu, flow, options)));
  }
}
