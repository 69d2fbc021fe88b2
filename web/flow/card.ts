/** @file The picture that people keep: the flow at its best, its frame in a corner, a wheel that explains the colours. */

import { COLOR_WHEEL } from '../../src/flow/color.ts';
import type { Gpu } from '../../src/index.ts';
import type { FlowPainter, Painted } from './painter.ts';
import { pixels } from './pixels.ts';
import type { FlowView } from './protocol.ts';

interface CardFacts {
  readonly fps: number;
  /** Pixels of the longer side. */
  readonly largest: number;
}

/** A PNG of what was painted last. */
export async function savedPicture(
  gpu: Gpu,
  painter: FlowPainter,
  painted: Painted,
  view: FlowView,
  { fps, largest }: CardFacts,
): Promise<Blob> {
  const scale = largest / Math.max(painted.width, painted.height);
  const [width, height] = [Math.round(painted.width * scale), Math.round(painted.height * scale)];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d')!;
  const painting = (frameOnly: boolean, size: { width: number; height: number }) =>
    pixels(gpu, size, (target, encoder) => painter.paint(encoder, target, painted, view, frameOnly));
  context.putImageData(await painting(false, canvas), 0, 0);
  const unit = Math.min(width, height) / 100;
  const inset = {
    width: 26 * unit * (width / Math.min(width, height)),
    height: 26 * unit * (height / Math.min(width, height)),
  };
  const frame = await painting(true, { width: Math.round(inset.width), height: Math.round(inset.height) });
  const margin = 3.5 * unit;
  await drawInset(context, frame, margin, height - margin - frame.height, unit);
  drawWheel(context, width - margin - 6 * unit, height - margin - 6 * unit, 6 * unit, view);
  const dark = view.ground === 'black';
  context.font = `600 ${2.5 * unit}px system-ui, sans-serif`;
  context.textAlign = 'right';
  context.textBaseline = 'alphabetic';
  context.fillStyle = dark ? '#ffffffd0' : '#000000b0';
  const right = width - margin - 13.5 * unit;
  context.fillText('TV-L1 optical flow, live on WebGPU', right, height - margin - 4.4 * unit);
  context.font = `${2.1 * unit}px system-ui, sans-serif`;
  context.fillStyle = dark ? '#ffffff90' : '#00000080';
  const facts = [`${painted.width}×${painted.height}`, fps >= 1 && `${fps.toFixed(0)} frames per second`, 'i3d-webgpu'];
  context.fillText(facts.filter(Boolean).join(' · '), right, height - margin - 1.2 * unit);
  return canvas.convertToBlob({ type: 'image/png' });
}

async function drawInset(
  context: OffscreenCanvasRenderingContext2D,
  image: ImageData,
  x: number,
  y: number,
  unit: number,
): Promise<void> {
  const bitmap = await createImageBitmap(image);
  context.save();
  context.beginPath();
  context.roundRect(x, y, image.width, image.height, 1.5 * unit);
  context.clip();
  context.drawImage(bitmap, x, y);
  context.restore();
  context.lineWidth = 0.3 * unit;
  context.strokeStyle = '#ffffffa0';
  context.beginPath();
  context.roundRect(x, y, image.width, image.height, 1.5 * unit);
  context.stroke();
  bitmap.close();
}

/** Which colour means which way. */
function drawWheel(
  context: OffscreenCanvasRenderingContext2D,
  x: number,
  y: number,
  radius: number,
  view: FlowView,
): void {
  const gradient = context.createConicGradient(0, x, y);
  const count = COLOR_WHEEL.length - 1;
  for (const [i, colour] of COLOR_WHEEL.entries()) {
    gradient.addColorStop(i / count, `rgb(${colour.map((value) => Math.round(255 * value)).join(' ')})`);
  }
  context.save();
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.clip();
  context.fillStyle = gradient;
  context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  const middle = context.createRadialGradient(x, y, 0, x, y, radius);
  const still = view.ground === 'black' ? '0 0 0' : '255 255 255';
  middle.addColorStop(0, `rgb(${still} / 100%)`);
  middle.addColorStop(1, `rgb(${still} / 0%)`);
  context.fillStyle = middle;
  context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  context.restore();
}
