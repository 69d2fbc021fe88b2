/** @file One performance as frames. */

import type { Random } from '../../core/random.ts';
import { Backdrop } from './backdrop.ts';
import { camera } from './camera.ts';
import { drawFigure } from './figure.ts';
import type { Choreography } from './manner.ts';
import { person } from './person.ts';
import { castShadow, chairParts, Passers, shadow } from './props.ts';
import { Layer, type Light } from './raster.ts';
import { Sensor } from './sensor.ts';
import { skeleton } from './skeleton.ts';
import { luminance, Noise, thingColor } from './texture.ts';

interface Shot {
  readonly frames: number;
  /** Pixels of either side. */
  readonly size: number;
  /** Frames per second (Hz). */
  readonly fps: number;
}

/**
 * Frames T×size×size×3 of one performance.
 * @param random Everything is drawn from streams below it, so that a change of one part leaves the others as they are.
 */
export function film(choreography: Choreography, random: Random, { frames, size, fps }: Shot): Uint8Array {
  const duration = frames / fps;
  const performance = choreography(random.fork('motion'), duration);
  const view = camera(random.fork('camera'), performance, duration, size);
  const backdrop = new Backdrop(random.fork('backdrop'), size, view.ground);
  const actor = person(random.fork('person'), backdrop.mean);
  const cloth = new Noise(random.fork('cloth'));
  const setting = random.fork('setting');
  const passers = new Passers(setting, size);
  const cast = shadow(setting);
  const wood = thingColor(setting);
  const shutter = setting.uniform() < 0.3 ? 0 : setting.range(0.2, 0.9);
  const sensor = new Sensor(random.fork('sensor'), size, luminance(backdrop.mean));
  const layer = new Layer(size, light(setting));
  const figure = new Float32Array(size * size * 4);
  const frame = new Float32Array(size * size * 3);
  const out = new Uint8Array(frames * frame.length);
  // Pictures within that time: enough for a fast hand's path to look like one smear.
  const exposures = shutter === 0 ? 1 : 2 + Math.round(shutter * 3);
  for (let i = 0; i < frames; i++) {
    const seconds = i / fps;
    figure.fill(0);
    for (let e = 0; e < exposures; e++) {
      const moment = seconds + (shutter / fps) * ((e + 0.5) / exposures - 0.5);
      const eye = view.at(moment);
      layer.clear();
      const chair = performance.chair ? chairParts(layer, performance.chair, wood, eye) : [];
      drawFigure(layer, actor, skeleton(performance.motion(moment), actor.body), eye, cloth, chair);
      layer.addTo(figure, 1 / exposures);
    }
    const eye = view.at(seconds);
    backdrop.render(eye, frame);
    passers.draw(seconds, frame);
    const [x, z] = performance.motion(seconds).place;
    castShadow(frame, size, cast, figure, [x, 0, z], eye);
    for (let p = 0, q = 0; q < frame.length; p += 4, q += 3) {
      const keep = 1 - figure[p + 3]!;
      if (keep === 1) continue;
      frame[q] = frame[q]! * keep + figure[p]!;
      frame[q + 1] = frame[q + 1]! * keep + figure[p + 1]!;
      frame[q + 2] = frame[q + 2]! * keep + figure[p + 2]!;
    }
    sensor.develop(frame, i, seconds, out.subarray(i * frame.length, (i + 1) * frame.length));
  }
  return out;
}

/** From above, more or less. */
function light(random: Random): Light {
  const [x, y, z] = [random.range(-0.8, 0.8), random.range(-1, -0.2), random.range(0.3, 1)];
  const norm = Math.hypot(x, y, z);
  return { from: [x / norm, y / norm, z / norm], ambient: random.range(0.35, 0.85) };
}
