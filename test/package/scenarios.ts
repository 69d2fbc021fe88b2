/**
 * @file What programs do to the package that they had better not, and what must come of it: a right result or one typed error. Runs
 * in Node and in a browser on the packed package (package.test.ts), so it sees nothing but the public API.
 */

import type * as Api from '../../src/index.ts';

export interface Surroundings {
  readonly api: typeof Api;
  /** A fresh device. */
  open(): Promise<Api.Gpu>;
  /** `models/rgb.safetensors` of the package. */
  readonly model: Uint8Array<ArrayBuffer>;
}

/** What was not as it should be, a line each. */
type Problems = string[];
type Scenario = (surroundings: Surroundings, gpu: Api.Gpu, problems: Problems) => Promise<void>;

/** Small deterministic numbers of both signs. */
const numbers = (count: number, seed = 1): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233));

const bytes = (count: number, seed = 1): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(numbers(count, seed), (value) => 128 + 127 * value);

const same = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
  a.length === b.length && Array.from(a).every((value, i) => Object.is(value, b[i]));

/** Promises that are looked at one after the other; none of them counts as forgotten meanwhile. */
function looked<T>(...promises: Promise<T>[]): Promise<T>[] {
  for (const promise of promises) promise.catch(() => undefined);
  return promises;
}

async function expectError(
  problems: Problems,
  what: string,
  attempt: () => unknown,
  type: string,
  words: RegExp,
): Promise<void> {
  try {
    await attempt();
    problems.push(`${what}: was let pass`);
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== type || !words.test(message)) problems.push(`${what}: ${name}: ${message}`);
  }
}

/** A convolution with ReLU on 1×2×6×6×4, and its plan. */
async function smallPlan({ api }: Surroundings, gpu: Api.Gpu) {
  const builder = new api.GraphBuilder();
  const x = builder.input('x', SHAPE);
  const conv = builder.conv3d('conv', x, builder.parameter('w', [3, 3, 3, 4, 8]));
  builder.name('y', builder.relu('relu', conv));
  const weights = api.floatTensor([3, 3, 3, 4, 8], numbers(27 * 32, 3));
  const parameters = new api.DeviceParameters(gpu, new Map([['w', weights]]));
  const plan = await api.compile(builder.build(), parameters);
  return { plan, parameters, graph: builder.build() };
}

const SHAPE = [1, 2, 6, 6, 4];
const SIZE = 288;

const scenarios: Record<string, Scenario> = {
  async 'takes its inputs before run returns'(surroundings, gpu, problems) {
    const { plan } = await smallPlan(surroundings, gpu);
    const tensor = (seed: number) => surroundings.api.floatTensor(SHAPE, numbers(SIZE, seed));
    const [first, second] = [(await plan.run({ x: tensor(1) })).y!.data, (await plan.run({ x: tensor(2) })).y!.data];
    const buffer = tensor(1);
    const runs = [plan.run({ x: buffer })];
    buffer.data.set(numbers(SIZE, 2));
    runs.push(plan.run({ x: buffer }));
    buffer.data.fill(Number.NaN);
    const [a, b] = await Promise.all(runs);
    if (!same(a!.y!.data, first)) problems.push('the first run saw what came later');
    if (!same(b!.y!.data, second)) problems.push('the second run saw what came later');
  },

  async 'takes a clip before logits returns'(surroundings, gpu, problems) {
    const { api, model } = surroundings;
    const network = api.parseModelFile(api.decodeSafetensors(model, 'rgb.safetensors'), 'rgb.safetensors', api.MODELS);
    const stream = new api.I3dStream(gpu, network);
    const { frames = 16, size } = network.spec;
    const clip = { dtype: 'u8', shape: [frames, size, size, 3], data: bytes(frames * size * size * 3) } as const;
    const expected = await stream.logits(clip);
    const running = stream.logits(clip);
    clip.data.fill(0);
    if (!same(await running, expected)) problems.push('the logits are those of the next frames');
    await expectError(
      problems,
      'RGBA',
      () => stream.logits({ ...clip, data: bytes(frames * size * size * 4) }),
      'InputError',
      /needs .* values/,
    );
    await expectError(
      problems,
      'floats called u8',
      () => stream.logits({ ...clip, data: numbers(clip.data.length) as never }),
      'InputError',
      /is said to be u8/,
    );
    await expectError(
      problems,
      'unknown option',
      () => new api.I3dStream(gpu, network, { acuracy: 'fast' } as never),
      'InputError',
      /did you mean accuracy/,
    );
    const high = () => new api.Recogniser(gpu, network, { accuracy: 'high' } as never);
    await expectError(problems, 'no class', high, 'InputError', /accuracy must be/);
    const before = gpu.allocatedBytes;
    const dying = stream.logits(clip);
    stream.dispose();
    await expectError(problems, 'disposed in mid-run', () => dying, 'DisposedError', /disposed/);
    await expectError(problems, 'used after dispose', () => stream.logits(clip), 'DisposedError', /disposed/);
    await gpu.idle();
    if (gpu.allocatedBytes >= before || gpu.allocatedBytes !== 0) problems.push(`${gpu.allocatedBytes} bytes are left`);
  },

  async 'lets NaN come out'(surroundings, gpu, problems) {
    const { api, model } = surroundings;
    const { plan } = await smallPlan(surroundings, gpu);
    const x = api.floatTensor(SHAPE, numbers(SIZE));
    const expected = (await plan.run({ x })).y!.data;
    // Frame 1, row 2, column 5 of 2×6×6; the windows of 3×3×3 around it are NaN, with ReLU after them.
    const at = (36 + 2 * 6 + 5) * 4 + 3;
    const broken = x.data.slice();
    broken[at] = Number.NaN;
    const y = (await plan.run({ x: api.floatTensor(SHAPE, broken) })).y!.data;
    const lost = Array.from(y).filter((value, i) => {
      const pixel = Math.floor(i / 8);
      const near = Math.abs((Math.floor(pixel / 6) % 6) - 2) <= 1 && Math.abs((pixel % 6) - 5) <= 1;
      return Number.isNaN(value) ? false : near || Math.abs(value - expected[i]!) > 1e-4;
    });
    if (lost.length > 0) problems.push(`${lost.length} values of a convolution are wrong`);
    if (!same((await plan.run({ x })).y!.data, expected)) problems.push('another result after NaN');

    const network = api.parseModelFile(api.decodeSafetensors(model, 'rgb.safetensors'), 'rgb.safetensors', api.MODELS);
    const stream = new api.I3dStream(gpu, network);
    const { frames = 16, size } = network.spec;
    const shape = [frames, size, size, 3];
    const values = numbers(frames * size * size * 3);
    for (const [what, data] of [
      ['a clip of NaN', values.map(() => Number.NaN)],
      ['a NaN in a clip', values.map((value, i) => (i === 12345 ? Number.NaN : value))],
    ] as const) {
      const logits = await stream.logits(api.floatTensor(shape, data));
      if (!logits.every(Number.isNaN)) problems.push(`the logits of ${what} are ${logits.slice(0, 3)}`);
      const labels = Array.from(logits, (_, i) => `class ${i}`);
      const refuse = (score: () => unknown) =>
        expectError(problems, what, score, 'NonFiniteLogitsError', /that of class 0 is NaN/);
      await refuse(() => api.softmax(logits));
      await refuse(() => api.topK(logits, labels));
      await refuse(() => api.fuse({ rgb: logits }));
      await refuse(() => api.averageLogits([logits]));
    }
    stream.dispose();
  },

  async 'takes the bytes of a file as any buffer, and nothing else'({ api, model }, _, problems) {
    const names = [...api.decodeSafetensors(model, 'rgb.safetensors').tensors.keys()].join();
    const shifted = new Uint8Array(model.length + 3);
    shifted.set(model, 3);
    const buffer = model.slice().buffer;
    const sources: Record<string, unknown> = {
      'an ArrayBuffer': buffer,
      'a DataView': new DataView(buffer),
      'a part of a buffer': shifted.subarray(3),
    };
    // Pages have it only where they are isolated from others.
    if (typeof SharedArrayBuffer !== 'undefined') {
      const shared = new SharedArrayBuffer(model.length);
      new Uint8Array(shared).set(model);
      sources['a SharedArrayBuffer'] = shared;
      sources['a view of shared memory'] = new Uint8Array(shared);
    }
    for (const [what, bytes] of Object.entries(sources)) {
      const { tensors } = api.decodeSafetensors(bytes as ArrayBuffer);
      if ([...tensors.keys()].join() !== names) problems.push(`${what}: other tensors`);
    }
    const wrong: unknown[] = [
      'rgb.safetensors',
      Array.from(model.subarray(0, 9)),
      new Float32Array(4),
      new Blob([]),
      null,
    ];
    for (const bytes of [...wrong, Promise.resolve(model)]) {
      for (const decode of [api.decodeSafetensors, api.decodePyTorch, api.decodeNpy, api.decodeFlo]) {
        const attempt = () => decode(bytes as ArrayBuffer);
        await expectError(
          problems,
          `${decode.name} of ${bytes}`,
          attempt,
          'InputError',
          /takes the bytes of a file, as a Uint8Array/,
        );
      }
    }
  },

  async 'refuses weights that are no numbers, by name'({ api, model }, _, problems) {
    const refuse = (what: string, attempt: () => unknown, words: RegExp) =>
      expectError(problems, what, attempt, 'InputError', words);
    const file = api.decodeSafetensors(model.slice(), 'rgb.safetensors');
    const name = 'Conv3d_1a_7x7/gamma';
    const gamma = file.tensors.get(name)!;
    const broken = new Map(file.tensors).set(
      name,
      api.floatTensor(gamma.shape, new Float32Array(gamma.data.length).fill(Number.NaN)),
    );
    await refuse(
      'a model',
      () => api.parseModelFile({ ...file, tensors: broken }, 'm', api.MODELS),
      /^m: Conv3d_1a_7x7\/gamma holds .*NaN at 0/,
    );

    const zeros = new Float32Array(1 << 22);
    const weights = (ours: string, value: number) =>
      new Map(
        [...api.modelParameters(api.modelSpec({ architecture: api.I3D, stream: 'rgb', classes: 4 }))].map(
          ([key, shape]) => {
            const size = api.sizeOf(shape);
            return [
              key,
              api.floatTensor(shape, key === ours ? zeros.slice(0, size).fill(value) : zeros.subarray(0, size)),
            ];
          },
        ),
      );
    const [weight, variance] = ['Mixed_3b/Branch_0/Conv3d_0a_1x1/weights', 'Mixed_5c/Branch_3/Conv3d_0b_1x1/variance'];
    const read = (ours: string, value: number) => () => api.readI3dCheckpoint(weights(ours, value), 'w');
    await refuse(
      'NaN',
      read(weight, Number.NaN),
      /^w: Mixed_3b\/Branch_0\/Conv3d_0a_1x1\/weights holds .*NaN at 0, 0, 0, 0, 0/,
    );
    await refuse('an infinity', read(weight, Number.POSITIVE_INFINITY), /weights holds .*Infinity/);
    await refuse('a negative variance', read(variance, -1), /variance holds -1 at 0; a variance is never negative/);
    const sound = api.readI3dCheckpoint(weights('', 0).set('head', api.floatTensor([1], [0])), 'w');
    if (sound.warnings.join() !== 'w has a tensor that I3D has no place for (head); it is left out.') {
      problems.push(`warnings: ${sound.warnings}`);
    }
  },

  async 'goes on after a run that failed'(surroundings, gpu, problems) {
    const { plan } = await smallPlan(surroundings, gpu);
    const good = surroundings.api.floatTensor(SHAPE, numbers(SIZE));
    const expected = (await plan.run({ x: good })).y!.data;
    const detached = numbers(SIZE);
    structuredClone(detached, { transfer: [detached.buffer] });
    const throwing = {
      dtype: 'f32',
      shape: SHAPE,
      get data(): never {
        throw new TypeError('no data today');
      },
    };
    const bad: [string, unknown, string, RegExp][] = [
      [
        'a list of numbers',
        { x: { ...good, data: Array.from(good.data) } },
        'GraphError',
        /is a list of 288|a list of 288/,
      ],
      ['bytes called f32', { x: { ...good, data: bytes(SIZE) } }, 'GraphError', /Uint8Array of 288/],
      ['too short', { x: { ...good, data: good.data.subarray(1) } }, 'GraphError', /needs 288 values.*287/],
      ['too long', { x: { ...good, data: numbers(SIZE + 1) } }, 'GraphError', /needs 288 values.*289/],
      ['another shape', { x: { ...good, shape: [1, 2, 6, 4, 6] } }, 'GraphError', /the plan takes/],
      ['missing', {}, 'GraphError', /Input x .* is missing/],
      ['an unknown name', { x: good, extra: good }, 'GraphError', /no input extra; it takes x/],
      ['nothing', undefined, 'GraphError', /by name/],
      ['detached', { x: { ...good, data: detached } }, 'GraphError', /needs 288 values.* 0/],
      ['a getter that throws', { x: throwing }, 'TypeError', /no data today/],
    ];
    for (const [what, inputs, type, words] of bad) {
      for (let i = 0; i < 5; i++) await expectError(problems, what, () => plan.run(inputs as never), type, words);
      if (!same((await plan.run({ x: good })).y!.data, expected)) problems.push(`another result after ${what}`);
    }
    const overlapping = await Promise.allSettled([
      plan.run({ x: good }),
      plan.run({ x: { ...good, data: [] } } as never),
      plan.run({ x: good }),
    ]);
    const states = overlapping.map(({ status }) => status).join();
    if (states !== 'fulfilled,rejected,fulfilled') problems.push(`overlapping: ${states}`);
    await expectError(
      problems,
      'an option',
      () => plan.run({ x: good }, { sginal: new AbortController().signal } as never),
      'InputError',
      /no option sginal/,
    );
    await expectError(
      problems,
      'a signal that is none',
      () => plan.run({ x: good }, { signal: 1 } as never),
      'InputError',
      /takes an AbortSignal as signal, not 1/,
    );
  },

  async 'refuses graphs that mean nothing'({ api }, gpu, problems) {
    const builder = new api.GraphBuilder();
    const x = builder.input('x', SHAPE);
    builder.parameter('w', [3, 3, 3, 4, 8]);
    const refuse = (what: string, attempt: () => unknown, words: RegExp) =>
      expectError(problems, what, attempt, 'GraphError', words);
    await refuse('another shape', () => builder.parameter('w', [1, 1, 1, 4, 8]), /before, and now/);
    for (const extent of [-1, 2.5, Number.NaN, 0]) {
      await refuse(`extent ${extent}`, () => builder.input(`x${extent}`, [1, extent]), /whole numbers/);
    }
    const w = builder.parameter('w', [3, 3, 3, 4, 8]);
    await refuse('stride 0', () => builder.conv3d('c', x, w, { stride: [0, 1, 1] }), /stride must be/);
    await refuse('SAME', () => builder.conv3d('c', x, w, { padding: 'SAME' as never }), /padding must be/);
    builder.name('y', builder.conv3d('c', x, w));
    const weights = api.floatTensor([3, 3, 3, 4, 8], numbers(27 * 32));
    const parameters = new api.DeviceParameters(gpu, new Map([['w', weights]]));
    const compile = (options: object) => api.compile(builder.build(), parameters, options);
    await expectError(problems, 'accuracy', () => compile({ accuracy: 'turbo' }), 'InputError', /accuracy must be/);
    await expectError(problems, 'kernel', () => compile({ kernel: 'nonsense' }), 'InputError', /No layer has a kernel/);
  },

  async 'keeps runs of one Tvl1 apart'({ api }, gpu, problems) {
    const size = { width: 24, height: 20, pairs: 1 };
    const flow = await api.Tvl1.create(gpu, size, { scales: 1, warps: 1 });
    const grey = (seed: number) => bytes(2 * 24 * 20, seed);
    const [a, b] = [await flow.run(grey(1)), await flow.run(grey(2))];
    const buffer = grey(1);
    const first = flow.run(buffer);
    buffer.set(grey(2));
    const [x, y] = await Promise.all([first, flow.run(buffer)]);
    if (!same(x.data, a.data) || !same(y.data, b.data)) problems.push('overlapping runs got each other’s flow');
    const frames = { dtype: 'u8', shape: [2, 20, 24, 3], data: bytes(2 * 20 * 24 * 3) } as const;
    const refuse = (what: string, attempt: () => unknown, words: RegExp) =>
      expectError(problems, what, attempt, 'InputError', words);
    await refuse('lamda', () => api.computeFlow(gpu, frames, { lamda: 3 } as never), /did you mean lambda/);
    await refuse(
      'bytes called f32',
      () => api.flowToStream(gpu, { dtype: 'f32', shape: [1, 2, 2, 2], data: bytes(8) } as never),
      /Float32Array/,
    );
    await refuse('ragged logits', () => api.averageLogits([[1, 2], [3]]), /./);
    await refuse('RGBA called ×3', () => api.computeFlow(gpu, { ...frames, data: bytes(2 * 20 * 24 * 4) }), /./);
    await refuse('floats 0…1', () => flow.run(numbers(2 * 24 * 20).map(Math.abs)), /255/);
    flow.dispose();
    await expectError(problems, 'after dispose', () => flow.run(grey(1)), 'DisposedError', /disposed/);
  },

  async 'says in one typed error that a plan was disposed'(surroundings, gpu, problems) {
    const before = gpu.allocatedBytes;
    const { plan, parameters, graph } = await smallPlan(surroundings, gpu);
    const x = surroundings.api.floatTensor(SHAPE, numbers(SIZE));
    const dying = looked(plan.run({ x }), plan.run({ x }), plan.run({ x }));
    plan.dispose();
    for (const run of dying) await expectError(problems, 'in mid-run', () => run, 'DisposedError', /plan was disposed/);
    await expectError(problems, 'run after', () => plan.run({ x }), 'DisposedError', /plan was disposed/);
    await expectError(problems, 'profile after', () => plan.profile(), 'DisposedError', /plan was disposed/);
    parameters.dispose();
    await expectError(
      problems,
      'compile after',
      () => surroundings.api.compile(graph, parameters),
      'DisposedError',
      /parameters were/,
    );
    await gpu.idle();
    if (gpu.allocatedBytes !== before) problems.push(`${gpu.allocatedBytes - before} bytes are left`);
  },

  async 'says in one typed error that the device was disposed'(surroundings, _, problems) {
    const gpu = await surroundings.open();
    const { plan, parameters, graph } = await smallPlan(surroundings, gpu);
    const x = surroundings.api.floatTensor(SHAPE, numbers(SIZE));
    const dying = looked<unknown>(plan.run({ x }), surroundings.api.compile(graph, parameters), plan.run({ x }));
    gpu.dispose();
    for (const work of dying)
      await expectError(problems, 'in mid-run', () => work, 'DisposedError', /device was disposed/);
    await expectError(problems, 'run after', () => plan.run({ x }), 'DisposedError', /device was disposed/);
    await expectError(problems, 'profile after', () => plan.profile(), 'DisposedError', /device was disposed/);
    await expectError(
      problems,
      'compile after',
      () => surroundings.api.compile(graph, parameters),
      'DisposedError',
      /device was/,
    );
    const size = { width: 24, height: 20, pairs: 1 };
    await expectError(
      problems,
      'flow after',
      () => surroundings.api.Tvl1.create(gpu, size),
      'DisposedError',
      /device was/,
    );
    plan.dispose();
    gpu.dispose();
    if (gpu.allocatedBytes !== 0) problems.push(`${gpu.allocatedBytes} bytes are left`);
  },

  async 'says in one typed error that the device was lost'(surroundings, _, problems) {
    const gpu = await surroundings.open();
    const { plan, parameters, graph } = await smallPlan(surroundings, gpu);
    const x = surroundings.api.floatTensor(SHAPE, numbers(SIZE));
    const dying = looked<unknown>(plan.run({ x }), surroundings.api.compile(graph, parameters), plan.run({ x }));
    // What a driver's reset does, without waiting for one.
    gpu.device.destroy();
    for (const work of dying)
      await expectError(problems, 'in mid-run', () => work, 'DeviceLostError', /device was lost/);
    await expectError(problems, 'run after', () => plan.run({ x }), 'DeviceLostError', /device was lost/);
    await expectError(problems, 'profile after', () => plan.profile(), 'DeviceLostError', /device was lost/);
    await expectError(problems, 'lost', () => gpu.lost, 'DeviceLostError', /device was lost/);
    const size = { width: 24, height: 20, pairs: 1 };
    await expectError(
      problems,
      'flow after',
      () => surroundings.api.Tvl1.create(gpu, size),
      'DeviceLostError',
      /device was/,
    );
    plan.dispose();
    gpu.dispose();
    const fresh = await surroundings.open();
    const again = await smallPlan(surroundings, fresh);
    if (!(await again.plan.run({ x })).y) problems.push('a fresh device does not work');
    fresh.dispose();
  },
};

/** Problems by scenario; empty lists where all is well. */
export async function runScenarios(surroundings: Surroundings): Promise<Record<string, Problems>> {
  const found: Record<string, Problems> = {};
  for (const [name, scenario] of Object.entries(scenarios)) {
    const problems: Problems = [];
    found[name] = problems;
    const gpu = await surroundings.open();
    try {
      await scenario(surroundings, gpu, problems);
    } catch (error) {
      problems.push(`ended by ${(error as Error).stack ?? error}`);
    }
    gpu.dispose();
  }
  return found;
}
