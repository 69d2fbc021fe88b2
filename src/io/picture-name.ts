/**
 * @file The numbers in a picture's name, and the order that they give. `frame1_480p.png` has two, `12.04.png` has one: a whole
 * number with a fraction.
 */

/** A number as it is written: of any length, with or without a fraction and leading zeros. */
export interface WrittenNumber {
  readonly whole: string;
  readonly fraction: string | undefined;
}

export interface PictureName {
  readonly name: string;
  /** In lower case, without its dot. */
  readonly extension: string;
  /** What stands around the numbers, in lower case: one more than there are numbers. */
  readonly texts: readonly string[];
  readonly numbers: readonly WrittenNumber[];
}

/** `1.2.3` is three numbers, not one with a fraction and another. */
const NUMBER = /(?<!\d\.)\d+\.\d+(?!\.?\d)|\d+/g;

export function parsePictureName(name: string): PictureName {
  const dot = name.lastIndexOf('.');
  const stem = dot > 0 ? name.slice(0, dot) : name;
  const texts: string[] = [];
  const numbers: WrittenNumber[] = [];
  let end = 0;
  for (const { 0: text, index } of stem.matchAll(NUMBER)) {
    texts.push(stem.slice(end, index).toLowerCase());
    const [whole = '', fraction] = text.split('.');
    numbers.push({ whole, fraction });
    end = index + text.length;
  }
  texts.push(stem.slice(end).toLowerCase());
  return { name, extension: name.slice(stem.length + 1).toLowerCase(), texts, numbers };
}

/**
 * Whether what follows the dots counts on by itself, as in `1.9`, `1.10`, rather than being a fraction, as in `0.96`, `1.0`,
 * `1.04`. Only where the lengths differ does it matter. Programs that write fractions of any length write none that ends in a
 * zero; a counter has its tens, and is padded to its shortest length if at all.
 */
export function isCounter(numbers: readonly WrittenNumber[]): boolean {
  const parts = numbers.flatMap(({ fraction }) => (fraction === undefined ? [] : [fraction]));
  const shortest = Math.min(...parts.map((part) => part.length));
  const paddedLikeACounter = parts.every((part) => part.length === shortest || !part.startsWith('0'));
  return paddedLikeACounter && parts.some((part) => part.length > shortest && part.endsWith('0'));
}

/** @param counter See `isCounter`. */
function compareNumbers(a: WrittenNumber, b: WrittenNumber, counter: boolean): number {
  const wholes = compareDigits(a.whole, b.whole);
  if (wholes !== 0) return wholes;
  const [left, right] = [a.fraction ?? '', b.fraction ?? ''];
  return counter ? compareDigits(left, right) : compareText(significant(left), significant(right));
}

/** Equal for equal numbers: `7`, `07` and `7.0` have the same. */
export function numberKey({ whole, fraction = '' }: WrittenNumber, counter: boolean): string {
  return `${withoutZeros(whole)}.${counter ? withoutZeros(fraction) : significant(fraction)}`;
}

/** Order of names: number by number, what stands before each first. */
export function compareNames(a: PictureName, b: PictureName, counters: readonly boolean[] = []): number {
  for (const [i, text] of a.texts.entries()) {
    const [left, right] = [a.numbers[i], b.numbers[i]];
    const texts = compareText(text, b.texts[i]!);
    if (texts !== 0) return texts;
    if (!left || !right) {
      if (left || right) return left ? 1 : -1;
      break;
    }
    const order = compareNumbers(left, right, counters[i] ?? false);
    if (order !== 0) return order;
  }
  return compareText(a.name, b.name);
}

/** Digits as numbers, however many there are: file names hold nanoseconds that a double cannot. */
function compareDigits(a: string, b: string): number {
  const [left, right] = [withoutZeros(a), withoutZeros(b)];
  return left.length - right.length || compareText(left, right);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const withoutZeros = (digits: string): string => digits.replace(/^0+/, '');
const significant = (fraction: string): string => fraction.replace(/0+$/, '');
