import { describe, expect, it } from 'vitest';
import * as api from '../../src/node.ts';

const NO_GPU = {} as api.Gpu;
const size = { frames: 16, height: 224, width: 224, classes: 400 };
const preprocess = api.preprocessGeometry(224, 224);

/** Every public function that takes options, with one that it does not have. */
const CALLS: Record<string, () => unknown> = {
  openGpu: () => api.openGpu({ dawnFlag: [] } as never),
  'Gpu.create': () => api.Gpu.create(undefined, { fallback: true } as never),
  tune: () => api.tune(api.i3dGraph({ ...size, channels: 3 }), NO_GPU, new Map(), { repeat: 3 } as never),
  compileKernels: () =>
    api.compileKernels(api.i3dGraph({ ...size, channels: 3 }), NO_GPU, { acuracy: 'exact' } as never),
  windows: () => api.windows(100, { lenght: 64 } as never),
  i3dGraph: () => api.i3dGraph({ ...size, channels: 3, dropuot: 0.5 } as never),
  i3dGraphOnFrames: () => api.i3dGraphOnFrames({ ...size, channels: 3 } as never, preprocess),
  preprocessGeometry: () => api.preprocessGeometry(240, 320, { side: 256 } as never),
  fuse: () => api.fuse({ rgb: [1, 2], flow: [1, 2] }, { weight: [1, 1] } as never),
  'fuse, of its streams,': () => api.fuse({ rgb: [1, 2], Flow: [1, 2] } as never),
  computeFlow: () =>
    api.computeFlow(NO_GPU, { dtype: 'u8', shape: [2, 8, 8, 3], data: new Uint8Array(384) }, { lamda: 1 } as never),
  flowToColor: () => api.flowToColor(api.floatTensor([8, 8, 2], new Float32Array(128)), { max: 1 } as never),
  openClip: () => api.openClip('clip.mp4', { frame: 16 } as never),
  readClipSet: () => api.readClipSet('.', { holdout: 0.2 } as never),
  writeVideo: () => api.writeVideo('clip.mp4', [], { width: 8, height: 8, fps: 25, codec: 'h264' } as never),
};

describe('an option that is not known', () => {
  it.each(Object.keys(CALLS))('is refused by %s', async (name) => {
    const error = await Promise.resolve()
      .then(CALLS[name])
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(error).toBeInstanceOf(api.InputError);
    expect((error as Error).message).toMatch(/ has no option \w+; (did you mean .*\?|there (is|are) .*\.)$/);
    expect((error as Error).message).toContain(`${name} has`.replace('compileKernels has', 'compile has'));
  });

  it.each([0, 2.5, Number.NaN, '3', -1])('and i3dGraph refuses %o classes', (classes) => {
    expect(() => api.i3dGraph({ ...size, channels: 3, classes: classes as number })).toThrow(
      /option classes must be a whole number of at least 1/,
    );
  });
});
