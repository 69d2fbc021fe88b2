/** @file Motion as colour: what was computed is a direction and a length for each pixel, and a page paints it as its theme wants. */

import { flowToColor } from '../../src/flow/color.ts';

/** What stands still is white, as Middlebury has it, or black. */
export type Ground = 'white' | 'black';

/** Steps from 0 to the end of a motion's range, in each direction. */
const STEPS = 127;
const SIDE = 256;

/** Displacements of 1/127 of `bound` each, u and v in turn. */
export interface MotionSteps {
  readonly width: number;
  readonly height: number;
  readonly steps: Int8Array;
  /** Pixels. */
  readonly bound: number;
}

/**
 * Colours of all pairs of steps: a picture is painted by looking them up.
 * @param full Steps that get the full colour.
 */
function colourTable(full: number, ground: Ground): Uint32Array {
  const data = new Float32Array(SIDE * SIDE * 2);
  for (let i = 0; i < SIDE * SIDE; i++) {
    let [u, v] = [(i % SIDE) - STEPS - 1, Math.floor(i / SIDE) - STEPS - 1];
    // Beyond the full colour Middlebury darkens, which a picture that is cut at its longest motions does not want.
    const excess = Math.hypot(u, v) / full;
    if (excess > 1) [u, v] = [u / excess, v / excess];
    data[2 * i] = u;
    data[2 * i + 1] = v;
  }
  const { data: rgb } = flowToColor({ dtype: 'f32', shape: [SIDE, SIDE, 2], data }, { maxLength: full });
  const table = new Uint32Array(SIDE * SIDE);
  for (let i = 0; i < table.length; i++) {
    const [r, g, b] = [rgb[3 * i]!, rgb[3 * i + 1]!, rgb[3 * i + 2]!];
    // White takes the colour's share of it; without that share the same hue lies on black.
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
    const full = Math.max(1, Math.round((length / bound) * STEPS * 4) / 4);
    const colours = this.#colours(Math.min(full, 4 * STEPS), ground);
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

  #colours(full: number, ground: Ground): Uint32Array {
    const key = `${full} ${ground}`;
    if (this.#table?.key !== key) this.#table = { key, colours: colourTable(full, ground) };
    return this.#table.colours;
  }
}
