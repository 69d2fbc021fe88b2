import { describe, expect, it } from 'vitest';
import * as api from '../../src/node.ts';

const NO_GPU = { assertUsable: () => undefined, profile: { software: true } } as unknown as api.Gpu;
const size = { frames: 16, height: 224, width: 224, classes: 400 };
const SPEC = api.modelSpec({ architecture: api.INCEPTION_4, stream: 'rgb', classes: 2 });
const FRAMES = { shortSide: 256, crop: 224 };
const preprocess = api.preprocessGeometry(224, 224, FRAMES);

/** What a call throws or rejects with. */
const errorOf = (call: () => unknown): Promise<unknown> =>
  Promise.resolve()
    .then(call)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );

/** Every public function that takes options, with one that it does not have. */
const CALLS: Record<string, () => unknown> = {
  openGpu: () => api.openGpu({ dawnFlag: [] } as never),
  'Gpu.create': () => api.Gpu.create(undefined, { fallback: true } as never),
  tune: () => api.tune(api.i3dGraph({ ...size, channels: 3 }), NO_GPU, new Map(), { repeat: 3 } as never),
  compileKernels: () =>
    api.compileKernels(api.i3dGraph({ ...size, channels: 3 }), NO_GPU, { acuracy: 'exact' } as never),
  windows: () => api.windows(100, { size: 64 }, { lenght: 64 } as never),
  i3dGraph: () => api.i3dGraph({ ...size, channels: 3, dropuot: 0.5 } as never),
  i3dGraphOnFrames: () => api.i3dGraphOnFrames({ ...size, channels: 3 } as never, preprocess),
  preprocessGeometry: () => api.preprocessGeometry(240, 320, { ...FRAMES, side: 256 } as never),
  fuse: () => api.fuse({ rgb: [1, 2], flow: [1, 2] }, { weight: [1, 1] } as never),
  'fuse, of its streams,': () => api.fuse({ rgb: [1, 2], Flow: [1, 2] } as never),
  computeFlow: () =>
    api.computeFlow(NO_GPU, { dtype: 'u8', shape: [2, 8, 8, 3], data: new Uint8Array(384) }, { lamda: 1 } as never),
  flowToColor: () => api.flowToColor(api.floatTensor([8, 8, 2], new Float32Array(128)), { max: 1 } as never),
  openClip: () => api.openClip('clip.mp4', { frame: 16 } as never),
  readClipSet: () => api.readClipSet('.', { holdout: 0.2 } as never),
  readWeights: () => api.readWeights(new Map(), 'x.pt', api.MODELS, { steam: 'rgb' } as never),
  readI3dCheckpoint: () => api.readI3dCheckpoint(new Map(), 'x.pt', { channels: 3 } as never),
  modelSpec: () => api.modelSpec({ architecture: api.I3D, stream: 'rgb', classes: 2, length: 64 } as never),
  modelGraph: () => api.modelGraph(SPEC, { bach: 2 } as never),
  frameGraph: () => api.frameGraph(SPEC, { bach: 2 } as never),
  defineModel: () => api.defineModel({ lables: [] } as never),
  modelFileContents: () =>
    api.modelFileContents({ spec: SPEC, classes: ['a', 'b'], parameters: new Map() }, { type: 'f16' } as never),
  writeVideo: () => api.writeVideo('clip.mp4', [], { width: 8, height: 8, fps: 25, codec: 'h264' } as never),
};

describe('an option that is not known', () => {
  it.each(Object.keys(CALLS))('is refused by %s', async (name) => {
    const error = await errorOf(CALLS[name]!);
    expect(error).toBeInstanceOf(api.InputError);
    expect((error as Error).message).toMatch(/ has no option \w+; (did you mean .*\?|there (is|are) .*\.)$/);
    expect((error as Error).message).toContain(`${name} has`.replace('compileKernels has', 'compile has'));
  });

  it.each([2.5, Number.NaN, '3', -1])('and i3dGraph refuses %o classes', (classes) => {
    expect(() => api.i3dGraph({ ...size, channels: 3, classes: classes as number })).toThrow(
      /option classes must be a whole number of at least 0/,
    );
  });
});

/** What no type checker let through, but a program in JavaScript does. */
const MISTAKES: Record<string, () => unknown> = {
  'a plan without outputs': async () => {
    const builder = new api.GraphBuilder();
    builder.name('y', builder.relu('y', builder.input('x', [4])));
    return api.compileKernels(builder.build(), NO_GPU, { outputs: [] });
  },
  'no graph': () => api.compileKernels({} as never, NO_GPU),
  'no device': () => api.compileKernels(new api.GraphBuilder().build(), undefined as never),
  'parameters that are no map': () => new api.DeviceParameters(NO_GPU, {} as never),
  'weights that are no map': () => api.readI3dCheckpoint({} as never, 'w.pt'),
  'a file without the models that it may hold': () =>
    api.parseModelFile({ tensors: new Map(), metadata: { i3d: '{}' } }, 'x', undefined as never),
  'weights without the models that they may be of': () => api.readWeights(new Map(), 'x', undefined as never),
  'a registry of names': () => new api.ModelRegistry(['i3d'] as never),
  'a model by its name': () => api.modelSpec({ architecture: 'i3d' as never, stream: 'rgb', classes: 2 }),
  'a model that is only its tensors': () => api.parseModelFile(new Map() as never, 'x', api.MODELS),
  'a 2D model without metadata': () => api.readImageModel({ tensors: new Map() } as never, 'x', api.MODELS),
  'an element type that files do not have': () =>
    api.modelFileContents({ spec: SPEC, classes: ['a', 'b'], parameters: new Map() }, { dtype: 'bf16' as never }),
  'parameters in an object': () => api.modelFileContents({ spec: SPEC, classes: ['a', 'b'], parameters: {} as never }),
  'metadata that are no texts': () => api.encodeSafetensors(new Map(), { epoch: 3 as never }),
  'tensors in an object': () => api.encodeSafetensors({} as never),
  'a model without a spec': () => api.inflateModel({ parameters: new Map(), classes: [] } as never),
  'a kernel that is a list': () => api.inflateKernel([1, 2] as never, 3),
  'networks without specs': () => api.verifyInflation(NO_GPU, {} as never, {} as never, {} as never),
  'a list as an array to write': () => api.encodeNpy({ dtype: 'f32', shape: [2], data: [1, 2] } as never),
  'another array than the type says': () =>
    api.encodeSafetensors(new Map([['w', { dtype: 'f32', shape: [2], data: new Float64Array(2) } as never]])),
  'no text with labels': () => api.parseLabels(undefined as never, 2, 'labels.txt'),
  'half a class': () => api.labelsFor(2.5),
  'flow that is no number': () =>
    api.compareFlow(api.floatTensor([1, 1, 2], [Number.NaN, 0]), api.floatTensor([1, 1, 2], [1, 0])),
  'no path of a clip': () => api.openClip(undefined as never),
  'an empty path of a clip': () => api.openClip(''),
  'no path of weights': () => api.loadWeights(undefined as never),
  'flags that are no list': () => api.openGpu({ dawnFlags: 'adapter=llvmpipe' as never }),
};

describe('a mistake in the arguments', () => {
  it.each(Object.keys(MISTAKES))('is one of our errors with a sentence: %s', async (name) => {
    const error = await errorOf(MISTAKES[name]!);
    expect(error).toBeInstanceOf(api.I3dError);
    expect((error as Error).message).toMatch(/^[A-Za-z][^\n]*\.$/);
  });
});
