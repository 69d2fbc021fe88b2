/** @file What the recognition test runs in a page: pictures of every kind, the cache, two streams here and in a worker. */

import {
  connectRecogniser,
  Gpu,
  type HostTensor,
  importPictures,
  loadModel,
  type Picture,
  TwoStream,
} from '../../src/index.ts';
import { Resizer } from '../../src/models/resize.ts';
import { clip } from '../recognition/clips.ts';

/** Frames as pictures of four bytes a pixel. */
function pictures({ shape, data }: HostTensor<'u8'>): ImageData[] {
  const [frames = 0, height = 0, width = 0] = shape;
  const size = height * width;
  return Array.from({ length: frames }, (_, frame) => {
    const rgba = new Uint8ClampedArray(size * 4).fill(255);
    for (let i = 0; i < size; i++) {
      for (let c = 0; c < 3; c++) rgba[4 * i + c] = data[(frame * size + i) * 3 + c]!;
    }
    return new ImageData(rgba, width, height);
  });
}

function canvasOf(image: ImageData): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext('2d')!.putImageData(image, 0, 0);
  return canvas;
}

function offscreenOf(image: ImageData): OffscreenCanvas {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext('2d')!.putImageData(image, 0, 0);
  return canvas;
}

const videoFrameOf = ({ data, width: codedWidth, height: codedHeight }: ImageData): VideoFrame =>
  new VideoFrame(data, { format: 'RGBX', codedWidth, codedHeight, timestamp: 0 });

/** A video element that shows a picture. What a recorder makes of colours lies in between. */
async function videoOf(image: ImageData): Promise<HTMLVideoElement> {
  const canvas = canvasOf(image);
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = canvas.captureStream(30);
  const shown = new Promise<void>((resolve) => video.requestVideoFrameCallback(() => resolve()));
  const redraw = setInterval(() => canvas.getContext('2d')!.putImageData(image, 0, 0), 20);
  await video.play();
  await shown;
  clearInterval(redraw);
  return video;
}

const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), Math.abs(a.length - b.length));

async function imported(gpu: Gpu, list: readonly Picture[], resized?: { width: number; height: number }) {
  const tensor = await importPictures(gpu, list, { resized });
  const { data } = await tensor.read();
  tensor.dispose();
  return data;
}

async function run() {
  const gpu = await Gpu.create();
  const before = gpu.allocatedBytes;
  const frames = clip(17, 64, 86);
  const images = pictures(frames);
  const two = images.slice(0, 2);
  const bytes = frames.data.subarray(0, 2 * 64 * 86 * 3);
  const odd = clip(2, 35, 47);

  const kinds: Record<string, number> = {
    ImageData: furthest(await imported(gpu, two), bytes),
    'ImageData of an odd size': furthest(await imported(gpu, pictures(odd)), odd.data),
    HTMLCanvasElement: furthest(await imported(gpu, two.map(canvasOf)), bytes),
    OffscreenCanvas: furthest(await imported(gpu, two.map(offscreenOf)), bytes),
    ImageBitmap: furthest(await imported(gpu, await Promise.all(two.map((image) => createImageBitmap(image)))), bytes),
    VideoFrame: furthest(await imported(gpu, two.map(videoFrameOf)), bytes),
    'VideoFrame of an odd size': furthest(await imported(gpu, pictures(odd).map(videoFrameOf)), odd.data),
  };
  const resizer = new Resizer(86, 64, 40, 30);
  const small = resizer.resize(bytes.subarray(0, 64 * 86 * 3));
  kinds.resized = furthest(await imported(gpu, [videoFrameOf(two[0]!)], { width: 40, height: 30 }), small);
  const video = furthest(await imported(gpu, [await videoOf(two[0]!)]), bytes.subarray(0, 64 * 86 * 3));

  const closed = videoFrameOf(two[0]!);
  closed.close();
  const refused = [
    await importPictures(gpu, []).catch((error: Error) => error.message),
    await importPictures(gpu, [closed]).catch((error: Error) => error.message),
    await importPictures(gpu, [two[0]!, pictures(odd)[0]!]).catch((error: Error) => error.message),
  ];
  const left = gpu.allocatedBytes - before;

  const cache = 'test';
  const calls: number[] = [];
  const rgb = await loadModel('/rgb.safetensors', { cache, onProgress: (done) => calls.push(done) });
  const cached = (await (await caches.open(cache)).keys()).map(({ url }) => new URL(url).pathname);
  const flow = await loadModel('/flow.safetensors');
  const again = await loadModel('/rgb.safetensors', { cache });
  const twoStream = await TwoStream.create(gpu, { rgb: again, flow });
  const ofBytes = await twoStream.classify(frames);
  async function* videoFrames() {
    for (const image of images) {
      const frame = videoFrameOf(image);
      yield frame;
      frame.close();
    }
  }
  const ofPictures = await twoStream.classify(videoFrames());
  twoStream.dispose();
  const leftAfterwards = gpu.allocatedBytes - before;
  gpu.dispose();

  const script = await (await fetch('/worker.js')).text();
  const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })), { type: 'module' });
  const recogniser = connectRecogniser(worker);
  await recogniser.open({ rgb: '/rgb.safetensors', flow: '/flow.safetensors' });
  const inWorker = await recogniser.classify(videoFrames());
  const controller = new AbortController();
  const ended = await recogniser
    .classify(videoFrames(), { signal: controller.signal, onProgress: () => controller.abort('enough') })
    .catch((reason: unknown) => reason);
  await recogniser.close();
  worker.terminate();

  const logits = (values: Float64Array) => Array.from(values);
  return {
    kinds,
    video,
    refused,
    left,
    leftAfterwards,
    cached,
    bytesSeen: calls.at(-1),
    classes: rgb.classes,
    ofBytes: logits(ofBytes.logits),
    ofPictures: logits(ofPictures.logits),
    inWorker: logits(inWorker.logits),
    ended,
  };
}

Object.assign(globalThis, { runEngine: run });
