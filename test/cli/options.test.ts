import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { describe, expect, test } from 'vitest';
import {
  frameRate,
  frameSize,
  notNegative,
  numbers,
  positiveNumber,
  positiveReal,
  probability,
  refuseEmpty,
  share,
  wholeFrom,
  wholeNumber,
} from '../../src/cli/options.ts';
import { sentence } from '../../src/cli/terminal/errors.ts';

describe('values of options', () => {
  test.each<[string, (text: string) => unknown, [string, unknown][], string[]]>([
    [
      'whole numbers',
      wholeNumber,
      [
        ['-3', -3],
        ['+7', 7],
      ],
      ['', ' ', '1e9', '9.5', 'NaN', '0x10', '9'.repeat(20)],
    ],
    ['positive numbers', positiveNumber, [['1', 1]], ['0', '-1', '9'.repeat(20)]],
    ['ranges', wholeFrom(1, 9), [['9', 9]], ['0', '10']],
    [
      'shares',
      share,
      [
        ['0', 0],
        ['0.25', 0.25],
      ],
      ['1', '-0.1', 'abc', 'NaN'],
    ],
    [
      'rates',
      frameRate,
      [
        ['native', 'native'],
        ['29.97', 29.97],
      ],
      ['', '0', '-5', '1e9', 'NaN', 'Infinity'],
    ],
    ['lengths', positiveReal, [['0.5', 0.5]], ['', '0', '-1', 'Infinity', 'NaN']],
    ['pauses', notNegative, [['0', 0]], ['', ' ', '-0.1', 'Infinity', 'NaN']],
    ['probabilities', probability, [['1', 1]], ['', '0', '1.1', 'NaN']],
    [
      'sizes',
      frameSize,
      [
        ['320x240', { width: 320, height: 240 }],
        ['16384×1', { width: 16384, height: 1 }],
      ],
      ['', '320', '0x5', '16385x1', '3.5x2', '-1x2'],
    ],
    ['lists', numbers, [['0.5,2', [0.5, 2]]], ['', '1,', 'NaN,1', '1e999']],
  ])('%s', (_, parse, right, wrong) => {
    for (const [text, value] of right) expect(parse(text), text).toEqual(value);
    for (const text of wrong) expect(() => parse(text), text).toThrow(InvalidArgumentError);
  });

  test('none is empty', () => {
    const parsed = (...args: string[]) =>
      new Command('x').argument('[input]').option('--out <path>').parse(args, { from: 'user' });
    expect(() => refuseEmpty(parsed('a', '--out', ''))).toThrow('--out was given an empty value.');
    expect(() => refuseEmpty(parsed('', '--out', 'b'))).toThrow('The argument input was given an empty value.');
    expect(() => refuseEmpty(parsed('a'))).not.toThrow();
  });
});

test('a file whose name begins with a dash is no option', () => {
  const unknown = (name: string) =>
    sentence(new CommanderError(1, 'commander.unknownOption', `error: unknown option '${name}'`));
  expect(unknown('-dash.mp4')).toBe(
    "unknown option '-dash.mp4'; a file of that name is given as ./-dash.mp4, or behind all options and --",
  );
  expect(unknown('--rbg')).toBe("unknown option '--rbg'");
});
