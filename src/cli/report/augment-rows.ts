/** @file What the sheet of `i3d augment` shows: one draw of each variation in which it shows, then draws of all together. */

import { Random } from '../../core/random.ts';
import { counted } from '../../core/words.ts';
import type { Stream } from '../../models/definition.ts';
import {
  type AugmentationOptions,
  type AvailableClip,
  type ClipPlan,
  DEFAULT_AUGMENTATION,
  NO_AUGMENTATION,
  planClip,
  SEGMENT_FRAMES,
  type WantedClip,
} from '../../train/data/augmentation.ts';

export interface Row {
  readonly label: string;
  /** What happened to the clip, in words. */
  readonly note: string;
  readonly stream: Stream;
  readonly plan: ClipPlan;
}

/** Rows that belong together. */
export interface RowGroup {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** A plan, and the same one with its segments in order. */
interface Draw {
  readonly plan: ClipPlan;
  readonly ordered: ClipPlan;
}

/** Draws that are looked through for one that shows a variation on the frames of the original. */
const DRAWS = 20_000;

/**
 * @param count How many draws of all variations together.
 * @param withFlow Whether there are rows of flow.
 */
export function planRows(
  seed: number,
  count: number,
  clip: AvailableClip,
  wanted: Omit<WantedClip, 'stream'>,
  withFlow: boolean,
): RowGroup[] {
  const root = new Random(seed, 'augment');
  const draw = (index: number, varied: Partial<AugmentationOptions>, stream: Stream = 'rgb'): Draw => {
    const options = { ...NO_AUGMENTATION, ...varied };
    const plan = (shuffle: number) => planClip(root.fork(index), { ...options, shuffle }, clip, { ...wanted, stream });
    return { plan: plan(options.shuffle), ordered: plan(0) };
  };
  const original = draw(0, {});
  const later = ({ ordered }: Draw): number => {
    const frames = ordered.frameIndices[0]! - original.plan.frameIndices[0]!;
    if (clip.frames > wanted.frames) return frames;
    // A clip that is repeated has no end: the last frame is one before the first.
    return frames - clip.frames * Math.round(frames / clip.frames);
  };
  const facts = (drawn: Draw): string => describe(drawn, later(drawn), original.plan, wanted.size);

  const { crop, scale, flip, jitter, shuffle, brightness, contrast, saturation } = DEFAULT_AUGMENTATION;
  const isScaled = ({ plan }: Draw) => Math.abs(wanted.size / plan.geometry[2]! - 1) > 0.1;
  const isColored = ({ plan }: Draw) => Math.hypot(...plan.geometry.slice(5)) > 0.2;
  const mirrored = { flip };
  const isMirrored = (drawn: Draw) => later(drawn) === 0 && drawn.plan.geometry[4] === 1;
  const variations: [string, Partial<AugmentationOptions>, (drawn: Draw) => boolean][] = [
    ['crop and scale', { crop, scale }, (drawn) => later(drawn) === 0 && isScaled(drawn)],
    ['flip', mirrored, isMirrored],
    ['jitter', { jitter }, (drawn) => Math.abs(later(drawn)) === jitter],
    ['shuffle', { shuffle }, (drawn) => later(drawn) === 0 && movedSegments(drawn).length > 0],
    ['colour', { brightness, contrast, saturation }, (drawn) => later(drawn) === 0 && isColored(drawn)],
  ];
  const search = (varied: Partial<AugmentationOptions>, fits: (drawn: Draw) => boolean): number => {
    for (let index = 0; index < DRAWS; index++) if (fits(draw(index, varied))) return index;
    return -1;
  };
  const row = (label: string, drawn: Draw, note: string, stream: Stream = 'rgb'): Row => ({
    label,
    note,
    stream,
    plan: drawn.plan,
  });
  const alone = variations.flatMap(([label, varied, fits]) => {
    const index = search(varied, fits);
    // A clip that the window just fits into leaves no room for jitter.
    if (index < 0) return [];
    const drawn = draw(index, varied);
    return [row(label, drawn, facts(drawn))];
  });
  const together = Array.from({ length: count }, (_, i) => {
    const drawn = draw(i, DEFAULT_AUGMENTATION);
    return row(`all, draw ${i + 1}`, drawn, facts(drawn));
  });
  const first = original.plan.frameIndices[0]!;
  const what = `frames ${first} to ${original.plan.frameIndices.at(-1)}, one of ${SEGMENT_FRAMES}`;
  const groups = [
    { title: 'One variation at a time', rows: [row('original', original, what), ...alone] },
    { title: 'All together', rows: together },
  ];
  if (!withFlow) return groups;
  const flow: Row[] = [
    row('flow', draw(0, {}, 'flow'), 'hue is direction, strength is speed', 'flow'),
    row('flow, flip', draw(search(mirrored, isMirrored), mirrored, 'flow'), 'flipped, left is right', 'flow'),
    row('flow, draw 1', draw(0, DEFAULT_AUGMENTATION, 'flow'), 'as RGB, without colour', 'flow'),
  ];
  return [...groups, { title: 'Flow', rows: flow }];
}

/** Numbers, from 1, of the segments that do not lie in their places. */
function movedSegments({ plan, ordered }: Draw): number[] {
  return plan.frameIndices.flatMap((frame, i) =>
    i % SEGMENT_FRAMES === 0 && frame !== ordered.frameIndices[i] ? [i / SEGMENT_FRAMES + 1] : [],
  );
}

/** In what a plan differs from the original. */
function describe(drawn: Draw, later: number, original: ClipPlan, size: number): string {
  const { plan } = drawn;
  const [side, flip, ...color] = [plan.geometry[2]!, ...plan.geometry.slice(4)] as [
    number,
    number,
    number,
    number,
    number,
  ];
  const [down, right] = centre(plan).map((at, axis) => Math.round(at - centre(original)[axis]!)) as [number, number];
  const moves = [
    right !== 0 && `${Math.abs(right)} px ${right > 0 ? 'right' : 'left'}`,
    down !== 0 && `${Math.abs(down)} px ${down > 0 ? 'down' : 'up'}`,
  ].filter((text) => text !== false);
  const frames = counted(Math.abs(later), 'frame');
  const segments = movedSegments(drawn);
  const [brightness, contrast, saturation] = color;
  const facts = [
    side !== size && `scale ${(size / side).toFixed(2)}`,
    moves.length > 0 && `crop ${moves.join(', ')}`,
    flip === 1 && 'flipped',
    later !== 0 && `${frames} ${later > 0 ? 'later' : 'earlier'}`,
    segments.length > 0 && `segments ${segments.join(', ')} out of place`,
    brightness !== 0 && `brightness ${brightness > 0 ? '+' : '−'}${Math.abs(brightness).toFixed(2)}`,
    contrast !== 0 && `contrast ×${(1 + contrast).toFixed(2)}`,
    saturation !== 0 && `saturation ×${(1 + saturation).toFixed(2)}`,
  ];
  return facts.filter((fact) => fact !== false).join(', ');
}

/** Of the region, rows and columns in pixels of the decoded frame. */
function centre({ square, geometry }: ClipPlan): readonly [number, number] {
  const [top, left, height, width] = geometry as [number, number, number, number];
  return [square.top + top + height / 2, square.left + left + width / 2];
}
