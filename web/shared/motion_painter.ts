/** @file Motion as colour: what was computed is a direction and a length for each pixel, and a page paints it as its theme wants. */

import { flowToColor } from '../../src/flow/color.ts';
import { displacement, type MotionSteps, STEPS } from './motion_steps.ts';

/** What stands still is white, as Middlebury has it, or black. */
export type Ground = 'white' | 'black';

const SIDE = 256;
/** Colours are not in proportion to lengths, so that small motions are seen beside large ones. */
const GAMMA = 0.65;
/** Just below 1, which rounding would exceed. */
const FULL = 0.9999;

/**
 * Colours of all pairs of steps: a picture is painted by looking them up.
 * @param bound, length Pixels: what the last step stands for, and what gets the full colour.
 */
function colourTable(bound: number, length: number, ground: Ground): Uint32Array {
  const data = new Float32Array(SIDE * SIDE * 2);
  for (let i = 0; i < SIDE * SIDE; i++) {
    let u = displacement((i % SIDE) - STEPS - 1, bound);
    let v = displacement(Math.floor(i / SIDE) - STEPS - 1, bound);
    // Beyond the full colour Middlebury darkens, which a picture that is cut at its longest motions does not want.
    const share = Math.hypot(u, v) / length;
    if (share > 0) {
      const stronger = Math.min(FULL, share) ** GAMMA / share;
      [u, v] = [u * stronger, v * stronger];
    }
    data[2 * i] = u;
    data[2 * i + 1] = v;
  }
  const { data: rgb } = flowToColor({ dtype: 'f32', shape: [SIDE, SIDE, 2], data }, { maxLength: length });
  const table = new Uint32Array(SIDE * SIDE);
  for (let i = 0; i < table.length; i++) {
    const [r, g, b] = [rgb[3 * i]!, rgb[3 * i + 1]!, rgb[3 * i + 2]!];
    // What white adds to each colour is the same: without it the same hue lies on black.
    const white = ground === 'black' ? Math.min(r, g, b) : 0;
    table[i] = (255 << 24) | ((b - white) << 16) | ((g - white) << 8) | (r - white);
  }
  return table;
}

/** Paints motions; the same lengths get the same colours until another length or ground is asked for. */
export class MotionPainter {
  #table: { readonly key: string; readonly colours: Uint32Array } | undefined;

  /** @param length Pixels that get the full colour. */
  paint(context: CanvasRenderingContext2D, motion: MotionSteps, length: number, ground: Ground): void {
    const { width, height, steps, bound } = motion;
    // Lengths in eighths of an octave, so that a table serves for long.
    const eighths = 2 ** (Math.ceil(8 * Math.log2(Math.max(length, bound / 64))) / 8);
    const colours = this.#colours(bound, eighths, ground);
    const image = new ImageData(width, height);
    const out = new Uint32Array(image.data.buffer);
    for (let i = 0; i < out.length; i++) {
      out[i] = colours[(steps[2 * i + 1]! + STEPS + 1) * SIDE + steps[2 * i]! + STEPS + 1]!;
    }
    const { canvas } = context;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    context.putImageData(image, 0, 0);
  }

  #colours(bound: number, length: number, ground: Ground): Uint32Array {
    const key = `${bound} ${length} ${ground}`;
    if (this.#table?.key !== key) this.#table = { key, colours: colourTable(bound, length, ground) };
    return this.#table.colours;
  }
}
