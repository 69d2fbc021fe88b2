import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { defineOperator, type NoAttributes, type Operator, pointwiseCost } from '../../src/ops/operator.ts';

const definition: Operator<NoAttributes> = {
  type: 'twice',
  infer: (_, [x]) => [x!],
  cost: (_, inputs, outputs) => pointwiseCost(1, inputs, outputs),
  candidates: () => [],
};

describe('defineOperator', () => {
  it('gives what a builder takes', () => {
    const twice = defineOperator(definition);
    const builder = new GraphBuilder();
    const [y] = builder.add(twice, 'y', {}, [builder.input('x', [2, 3])]);
    expect(builder.shapeOf(y!)).toEqual([2, 3]);
    expect(builder.build().nodes[0]).toMatchObject({ operator: twice, name: 'y' });
  });

  it('says what is wrong with a definition', () => {
    const broken = (part: object) => () => defineOperator({ ...definition, ...part } as never);
    expect(() => defineOperator(undefined as never)).toThrow('defineOperator takes an object, not nothing.');
    expect(broken({ type: '' })).toThrow('type is a text that is not empty');
    expect(broken({ cost: undefined })).toThrow('The operator twice needs a function cost, not nothing.');
    expect(broken({ gradient: 3 })).toThrow('The operator twice needs a function gradient, not 3.');
    expect(broken({ gradiant: () => [] })).toThrow('an unknown part gradiant; did you mean gradient?');
  });

  it('is not mistaken for another one of its type', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [4]);
    builder.add(defineOperator(definition), 'a', {}, [x]);
    expect(() => builder.add(defineOperator(definition), 'b', {}, [x])).toThrow('b: two operators are called twice');
  });
});
