/**
 * @file Which of a folder's pictures are the clip. Pictures whose names differ in their numbers only belong together; where one
 * number runs and others stand for something else (a camera, a size), each of the others' values makes a series of its own.
 */

import { counted } from '../core/words.ts';
import {
  compareNames,
  isCounter,
  numberKey,
  type PictureName,
  parsePictureName,
  type WrittenNumber,
} from './picture-name.ts';

/** Pictures in the order of time, and what is to be said about those that were chosen. */
interface ChosenSeries {
  readonly names: readonly string[];
  /** One clause each, without the folder and the full stop. */
  readonly remarks: readonly string[];
}

/** Names of what goes along with pictures: taken only where there is nothing else. */
const COMPANIONS =
  /^[xy][^a-z]|(^|[^a-z])(flow[a-z]*|optflow|depth|disp|disparity|masks?|seg|labels?|thumbs?|thumbnails?|previews?)([^a-z]|$)/;

/** More series than these are only counted. */
const MOST_NAMED = 3;

/**
 * The names that form a clip. The longest series wins; of equally long ones the first in colour, since flow and depth are kept in
 * grey pictures. Series that are named after what goes along with pictures (flow, depth, masks) come last. Names that form no
 * series are taken all, in their order.
 * @param names Of pictures, at least one.
 * @param isGrey tells whether a picture has no colour; only asked where lengths tie.
 */
export async function selectSeries(
  names: readonly string[],
  isGrey: (name: string) => Promise<boolean>,
): Promise<ChosenSeries> {
  const all = families(names.map(parsePictureName)).flatMap(seriesOf).sort(compareSeries);
  const proper = all.filter(([first]) => !COMPANIONS.test(first!.texts.join('#')));
  const candidates = proper.length > 0 && longestOf(proper) >= Math.min(2, longestOf(all)) ? proper : all;
  const longest = longestOf(candidates);
  const single = candidates.filter(({ length }) => length === 1).length;
  if (candidates === proper && single > longest) {
    const chosen = candidates.flat().sort((a, b) => compareNames(a, b));
    const remark = `the names of its ${counted(chosen.length, 'picture')} form no series, so they are taken in the order of their names`;
    return { names: chosen.map(({ name }) => name), remarks: [remark, ...leftOut(names.length, chosen, all)] };
  }
  const tied = candidates.filter(({ length }) => length === longest);
  let chosen = tied[0]!;
  if (tied.length > 1) {
    for (const series of tied) {
      if (await isGrey(series[0]!.name)) continue;
      chosen = series;
      break;
    }
  }
  return { names: chosen.map(({ name }) => name), remarks: [...leftOut(names.length, chosen, all), ...gaps(chosen)] };
}

/** Names that are the same but for their numbers, in order; all without a number are one family. */
function families(names: readonly PictureName[]): PictureName[][] {
  const keyOf = ({ texts, numbers }: PictureName): string => (numbers.length === 0 ? '' : texts.join('#'));
  return groupBy(names, keyOf).flatMap(byExtension);
}

/** A family in order; divided by extension where the same name comes with several: a frame and its mask, raw and developed. */
function byExtension(family: readonly PictureName[]): PictureName[][] {
  const counters = family[0]!.numbers.map((_, i) => isCounter(family.map(({ numbers }) => numbers[i]!)));
  const keys = ({ texts, numbers }: PictureName) =>
    `${texts.join('#')} ${numbers.map((number, i) => numberKey(number, counters[i]!)).join(' ')}`;
  const kinds = new Map<string, Set<string>>();
  for (const name of family) kinds.set(keys(name), (kinds.get(keys(name)) ?? new Set()).add(kindOf(name)));
  const divided = [...kinds.values()].some(({ size }) => size > 1);
  const parts = divided ? groupBy(family, kindOf) : [family];
  return parts.map((part) => [...part].sort((a, b) => compareNames(a, b, counters)));
}

const kindOf = ({ extension }: PictureName): string =>
  extension.replace(/^(jpg|jpe|jfif)$/, 'jpeg').replace('tiff', 'tif');

/** A family as it is, where one number names each of its pictures or several make a clock; else its series. */
function seriesOf(family: PictureName[]): PictureName[][] {
  const positions = family[0]!.numbers.map((_, i) => i);
  const counters = positions.map((i) => isCounter(family.map(({ numbers }) => numbers[i]!)));
  const value = ({ numbers }: PictureName, i: number): string => numberKey(numbers[i]!, counters[i]!);
  const distinct = (i: number): number => new Set(family.map((name) => value(name, i))).size;
  const varying = positions.filter((i) => distinct(i) > 1);
  const [slowest, ...faster] = varying;
  if (slowest === undefined || faster.length === 0) return [family];
  if (varying.some((i) => distinct(i) === family.length)) return [family];
  const without = (i: number) => (name: PictureName) =>
    varying.flatMap((other) => (other === i ? [] : [value(name, other)])).join(' ');
  const recurring = groupBy(family, without(slowest)).filter(({ length }) => length > 1);
  if (recurring.flat().length * 2 < family.length) return [family];
  if (faster.every((i) => isClockPart(family.map(({ numbers }) => numbers[i]!)))) return [family];
  if (isTimecode(family, slowest)) return [family];
  const ways = varying.map((i) => groupBy(family, without(i)));
  return ways.reduce((best, way) => (longestOf(way) >= longestOf(best) ? way : best));
}

/**
 * Whether numbers fill the range that a part of a time has: 00 to 59, 00 to 23, or with gaps all that their digits can say, as
 * milliseconds do. Two cameras' frames do not.
 */
function isClockPart(numbers: readonly WrittenNumber[]): boolean {
  const width = numbers[0]!.whole.length;
  if (width < 2 || numbers.some(({ whole }) => whole.length !== width)) return false;
  const values = [...new Set(numbers.map(({ whole }) => Number(whole)))];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const fills = (limit: number): boolean => most < limit && most >= 0.9 * limit && least < 0.1 * limit;
  if (width === 2 && (fills(60) || fills(24))) return true;
  return fills(10 ** width) && values.length <= 10 ** width / 2;
}

/** Whether the numbers that vary are the end of a `hh-mm-ss` or `hh-mm-ss-ff`: three or more of two digits, one sign between. */
function isTimecode(family: readonly PictureName[], slowest: number): boolean {
  const { texts, numbers } = family[0]!;
  let first = numbers.length - 1;
  const isPart = (i: number): boolean =>
    family.every(({ numbers }) => numbers[i]!.whole.length === 2 && Number(numbers[i]!.whole) < 60);
  while (first > 0 && isPart(first - 1) && /^[-_.:;, ]$/.test(texts[first]!)) first--;
  return isPart(numbers.length - 1) && numbers.length - first >= 3 && slowest >= first;
}

function compareSeries([a]: readonly PictureName[], [b]: readonly PictureName[]): number {
  return compareNames(a!, b!);
}

function groupBy(names: readonly PictureName[], key: (name: PictureName) => string): PictureName[][] {
  const groups = new Map<string, PictureName[]>();
  for (const name of names) {
    const group = groups.get(key(name));
    if (group) group.push(name);
    else groups.set(key(name), [name]);
  }
  return [...groups.values()];
}

const longestOf = (some: readonly PictureName[][]): number =>
  some.reduce((most, { length }) => Math.max(most, length), 0);

function leftOut(total: number, chosen: readonly PictureName[], all: readonly PictureName[][]): string[] {
  if (chosen.length === total) return [];
  const taken = new Set(chosen);
  const others = all.map((series) => series.filter((name) => !taken.has(name))).filter(({ length }) => length > 0);
  const named = others
    .slice(0, MOST_NAMED)
    .map((series) => `${series.length === 1 ? '' : `${series.length}, `}${span(series)}`);
  const rest = others.slice(MOST_NAMED).reduce((sum, { length }) => sum + length, 0);
  const list = rest > 0 ? [...named, `${rest} more`] : named;
  const which = chosen.length === 1 ? 'one' : `${chosen.length}`;
  return [`of its ${counted(total, 'picture')} the clip has ${which}, ${span(chosen)}; not taken: ${list.join('; ')}`];
}

const span = (series: readonly PictureName[]): string =>
  series.length === 1 ? series[0]!.name : `${series[0]!.name} to ${series.at(-1)!.name}`;

/** Numbers that mostly rise by the same step and sometimes by more: pictures may be missing. */
function gaps(series: readonly PictureName[]): string[] {
  const positions = series[0]!.numbers.map((_, i) => i);
  const running = positions.filter((i) => new Set(series.map(({ numbers }) => Number(numbers[i]!.whole))).size > 1);
  const [only] = running;
  if (only === undefined || running.length > 1) return [];
  const written = series.map(({ numbers }) => numbers[only]!);
  if (written.some(({ fraction }) => fraction !== undefined)) return [];
  const steps = written.slice(1).map(({ whole }, i) => Number(whole) - Number(written[i]!.whole));
  const usual = Math.min(...steps.filter((step) => step > 0));
  const wide = steps.flatMap((step, i) => (step > usual ? [i] : []));
  const [first] = wide;
  if (first === undefined || wide.length * 4 > steps.length) return [];
  const again = wide.length > 1 ? ` and ${wide.length - 1} more ${wide.length === 2 ? 'time' : 'times'}` : '';
  return [
    `its numbers jump from ${series[first]!.name} to ${series[first + 1]!.name}${again}, as if pictures were missing`,
  ];
}
