/** @file Which of a decoder's warnings mean that frames are missing or wrong. */

const HARMLESS =
  /the clock jumped|not taken|form no series|as if pictures were missing|none of its values|read as BT\.601|the size of the first/;
/** Says of a file that is not decoded to its end yet what may turn out otherwise. */
const PREMATURE = /that it announces/;

/**
 * The first sentence that means damage, without its full stop; undefined where there is none.
 * @param warnings What is wrong with a file although frames come out of it.
 * @param ended Whether it was read to its end.
 */
export function damageOf(warnings: readonly string[], ended: boolean): string | undefined {
  return warnings.find((text) => !HARMLESS.test(text) && (ended || !PREMATURE.test(text)))?.replace(/\.$/, '');
}
