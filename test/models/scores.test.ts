import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { labelsFor, parseLabels } from '../../src/models/labels.ts';
import { KINETICS_400 } from '../../src/models/labels-kinetics400.ts';
import { KINETICS_600 } from '../../src/models/labels-kinetics600.ts';
import {
  averageLogits,
  classProbabilities,
  fuse,
  NonFiniteLogitsError,
  softmax,
  topK,
} from '../../src/models/scores.ts';

describe('labels', () => {
  test('Kinetics names are complete, different and in order', () => {
    expect(KINETICS_400).toHaveLength(400);
    expect(KINETICS_600).toHaveLength(600);
    expect(new Set(KINETICS_400).size).toBe(400);
    expect(new Set(KINETICS_600).size).toBe(600);
    expect([KINETICS_400[0], KINETICS_400[227], KINETICS_400[399]]).toEqual(['abseiling', 'playing cricket', 'zumba']);
    expect([...KINETICS_400, ...KINETICS_600].filter((name) => name !== name.trim() || name === '')).toEqual([]);
  });

  test('are chosen by the number of classes', async () => {
    expect(await labelsFor(400)).toBe(KINETICS_400);
    expect(await labelsFor(600)).toBe(KINETICS_600);
    expect(await labelsFor(3)).toEqual(['class 0', 'class 1', 'class 2']);
    expect(await labelsFor(400, [])).toHaveLength(400);
    expect(await labelsFor(2, ['kinetics-400', ['yes', 'no']])).toEqual(['yes', 'no']);
    await expect(labelsFor(400, ['kinetics-700' as never])).rejects.toThrow('must be "kinetics-400" or "kinetics-600"');
  });

  test('come from a file, whatever ends its lines', () => {
    expect(parseLabels('\uFEFFone\r\ntwo words\n\n', 2, 'names.txt')).toEqual(['one', 'two words']);
    expect(() => parseLabels('one\ntwo', 3, 'names.txt')).toThrow(
      'names.txt has 2 names, one on each line, and the weights have 3 classes.',
    );
    expect(() => parseLabels('', 3, 'names.txt')).toThrow('names.txt has 0 names');
  });
});

describe('scores', () => {
  test('softmax of large logits', () => {
    expect([...softmax([1000, 1000])]).toEqual([0.5, 0.5]);
    expect(softmax([0, Math.log(3)])[1]).toBeCloseTo(0.75, 12);
  });

  test('one logit alone says by its sign whether something is there', () => {
    const [probability] = classProbabilities([-Math.log(3)]);
    expect(probability).toBeCloseTo(0.25, 12);
    expect(topK([-172], ['fight'])[0]!.probability).toBeLessThan(1e-70);
    expect([...classProbabilities([0, Math.log(3)])]).toEqual([...softmax([0, Math.log(3)])]);
    const of = (p: number) => [Math.log(p / (1 - p))];
    const fused = fuse({ rgb: of(0.9), flow: of(0.2) }, { mode: 'probabilities', weights: [3, 1] });
    expect(classProbabilities(fused)[0]).toBeCloseTo(0.725, 12);
    expect([...fuse({ rgb: [2], flow: [-3] })]).toEqual([-1]);
  });

  test('the mean over windows', () => {
    expect([
      ...averageLogits([
        [1, 2],
        [3, 6],
      ]),
    ]).toEqual([2, 4]);
  });

  test('streams are added, or weighted as given', () => {
    expect([...fuse({ rgb: [1, 2], flow: [3, 5] })]).toEqual([4, 7]);
    expect([...fuse({ rgb: [1, 2], flow: [3, 5] }, { weights: [0.5, 0.25] })]).toEqual([1.25, 2.25]);
    expect([...fuse({ flow: [3, 5] }, { weights: [0.5, 0.25] })]).toEqual([3, 5]);
  });

  test('probabilities are averaged by their weights', () => {
    const [rgb, flow] = [
      [0, 1, 2],
      [2, 0, -800],
    ];
    const fused = softmax(fuse({ rgb, flow }, { mode: 'probabilities', weights: [3, 1] }));
    const expected = softmax(rgb).map((value, i) => 0.75 * value + 0.25 * softmax(flow)[i]!);
    fused.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 12);
    });
    expect(fuse({ rgb, flow }, { mode: 'probabilities', weights: [0, 1] })[2]).toBeLessThan(-799);
  });

  test('weights and classes that cannot be fused', () => {
    expect(() => fuse({})).toThrow('no stream');
    expect(() => fuse({ rgb: [1], flow: [1, 2] })).toThrow('The RGB weights have 1 class and the flow weights 2.');
    for (const weights of [
      [0, 0],
      [-1, 2],
      [Number.NaN, 1],
    ] as const) {
      expect(() => fuse({ rgb: [1], flow: [1] }, { weights })).toThrow('two weights');
    }
  });

  test('the best classes, the lower index first', () => {
    expect(topK([1, 3, 3], ['a', 'b', 'c'], 2)).toMatchObject([
      { rank: 1, index: 1, label: 'b', logit: 3 },
      { rank: 2, index: 2, label: 'c', logit: 3 },
    ]);
    expect(topK([1, 2], ['a', 'b'], 9)).toHaveLength(2);
    expect(() => topK([1, 2, 3], ['a', 'b'])).toThrow('There are 3 logits and 2 labels');
    expect(() => topK([1, 2], undefined as never)).toThrow('2 logits and nothing');
    for (const k of [0, -1, 1.5, Number.NaN, '3' as never]) {
      expect(() => topK([1, 2], ['a', 'b'], k)).toThrow(InputError);
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'logits with %d have no answer',
    (value) => {
      const logits = [0, value];
      for (const ask of [
        () => softmax(logits),
        () => topK(logits, ['a', 'b']),
        () => averageLogits([[1, 2], logits]),
        () => fuse({ flow: logits }),
        () => fuse({ rgb: [1, 2], flow: Float32Array.from(logits) }, { mode: 'probabilities' }),
      ]) {
        expect(ask).toThrow(NonFiniteLogitsError);
        expect(ask).toThrow(`that of class 1 is ${value};`);
      }
    },
  );

  test('what is no list of logits is refused', () => {
    expect(() => averageLogits([[1, 2], [3]])).toThrow('The logits of window 1 are 1 and those of window 0 are 2');
    expect(() => averageLogits([])).toThrow('There are no logits to average.');
    expect(() => averageLogits(Float32Array.of(1, 2) as never)).toThrow('not Float32Array of 2');
    expect(() => averageLogits([[1, '2' as never]])).toThrow('The logits of window 0 must be numbers; that of class 1');
    expect(() => softmax([])).toThrow('The logits are empty');
    expect(() => softmax(BigInt64Array.of(1n) as never)).toThrow('not BigInt64Array of 1');
    expect(() => softmax({ dtype: 'f32', shape: [1], data: [1] } as never)).toThrow('must be an array of numbers');
    expect(() => fuse({ rgb: [1], flow: [2] }, { mode: 'sum' as never })).toThrow(
      'The fusion mode must be "logits" or "probabilities"',
    );
    expect(() => fuse({ rgb: [1], flow: [2] }, { weights: 2 as never })).toThrow('two weights');
  });
});
