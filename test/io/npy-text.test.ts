/** @file Lists of words as NumPy saves them. */

import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { decodeNpyText } from '../../src/io/npy-text.ts';

/** What NumPy 2.4 writes of `np.array(['cut', 'naïve'], dtype=object)`, and of ['cut', 3]. */
const OBJECTS = Buffer.from(
  'k05VTVBZAQB2AHsnZGVzY3InOiAnfE8nLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAqABJWZAAAAAAAAAIwWbnVtcHkuX2NvcmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwKFlGgDjAVkdHlwZZSTlIwCTziUiYiHlFKUKEsDjAF8lE5OTkr/////Sv////9LP3SUYoldlCiMA2N1dJSMBm5hw692ZZRldJRiLg==',
  'base64',
);
const MIXED = Buffer.from(
  'k05VTVBZAQB2AHsnZGVzY3InOiAnfE8nLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAqABJWSAAAAAAAAAIwWbnVtcHkuX2NvcmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwKFlGgDjAVkdHlwZZSTlIwCTziUiYiHlFKUKEsDjAF8lE5OTkr/////Sv////9LP3SUYoldlCiMA2N1dJRLA2V0lGIu',
  'base64',
);

/** A file of strings of NumPy's own type. */
function file(descr: string, count: number, data: Uint8Array): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${count},), }`.padEnd(117);
  const head = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0);
  return Buffer.concat([head, Buffer.from(`${header}\n`), data]);
}

/** Code points, filled up to `width` each. */
function points(words: readonly string[], width: number, little: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(words.length * width * 4));
  for (const [i, word] of words.entries()) {
    for (const [k, character] of [...word].entries()) {
      view.setUint32((i * width + k) * 4, character.codePointAt(0)!, little);
    }
  }
  return new Uint8Array(view.buffer);
}

describe('words', () => {
  test('may be objects, which are pickled', () => {
    expect(decodeNpyText(OBJECTS)).toEqual(['cut', 'naïve']);
  });

  test.each([
    ['<U5', file('<U5', 2, points(['cut', 'naïve'], 5, true))],
    ['>U5', file('>U5', 2, points(['cut', 'naïve'], 5, false))],
    ['|S6', file('|S6', 2, Buffer.from('cut\0\0\0naïve'))],
  ])('may be strings of the type %s', (_, bytes) => {
    expect(decodeNpyText(bytes)).toEqual(['cut', 'naïve']);
  });

  test.each([
    [
      'numbers',
      encodeNpy({ dtype: 'f32', shape: [2], data: new Float32Array(2) }),
      /holds no list of words: its type is <f4/,
    ],
    [
      'a file that is cut short',
      file('<U5', 3, points(['cut', 'naïve'], 5, true)),
      /is cut short: 3 strings of 20 bytes need 60/,
    ],
    ['a pickle that is cut short', OBJECTS.subarray(0, -9), /is damaged: its pickle is cut short/],
    ['other objects', MIXED, /holds objects that are no text, the first of them at 1/],
    ['no array', Buffer.from('words'), /is not a \.npy file/],
  ])('%s are refused', (_, bytes, message) => {
    expect(() => decodeNpyText(bytes, 'w.npy')).toThrow(message);
    expect(() => decodeNpyText(bytes, 'w.npy')).toThrow(InputError);
  });
});
