/**
 * @file Pictures as browsers have them (`VideoFrame`, `ImageBitmap`, canvases, video elements, `ImageData`) as frames in the device's
 * memory: the device takes them into a texture, and nothing passes the host where it can do that by itself.
 */

import { checkOptionNames, describeValue, isObject } from '../core/check.ts';
import { I3dError, InputError } from '../core/errors.ts';
import { listed } from '../core/words.ts';
import { checkGpu, type Gpu } from '../gpu/device.ts';
import { Program } from '../gpu/program.ts';
import { wholeBuffer } from '../gpu/resource.ts';
import { BufferUsage, TextureUsage } from '../gpu/usage.ts';
import { DeviceTensor } from '../graph/device_tensor.ts';
import { antialias } from '../kernels/clip/antialias.ts';
import { packPixels } from './device_clip.ts';

/** What `copyExternalImageToTexture` takes. */
export type Picture = GPUCopyExternalImageSource;

/** Pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** By what a picture says of itself; a class may be another realm's. */
interface PictureLike {
  readonly displayWidth?: number;
  readonly displayHeight?: number;
  readonly videoWidth?: number;
  readonly videoHeight?: number;
  readonly naturalWidth?: number;
  readonly naturalHeight?: number;
  readonly width?: number;
  readonly height?: number;
}

/** A texture and a copy of it have rows of a multiple of so many bytes. */
const ROW_BYTES = 256;

const NAMES = [
  'ImageData',
  'VideoFrame',
  'ImageBitmap',
  'HTMLCanvasElement',
  'OffscreenCanvas',
  'HTMLVideoElement',
  'HTMLImageElement',
];

/** Whether a value is one of these pictures. */
export const isPicture = (value: unknown): value is Picture =>
  isObject(value) && NAMES.includes(Object.prototype.toString.call(value).slice(8, -1));

const isImageData = (picture: Picture): picture is ImageData =>
  Object.prototype.toString.call(picture) === '[object ImageData]';

const isVideo = (picture: Picture): boolean =>
  /VideoFrame|HTMLVideoElement/.test(Object.prototype.toString.call(picture));

const refused = (what: string, cause: unknown): InputError =>
  new InputError(
    `${what} cannot be taken to the device (${(cause as Error).message}); was it closed, or is it another origin's?`,
    { cause },
  );

/** The size at which a picture is shown. */
export function pictureSize(picture: Picture): PictureSize {
  const { displayWidth, displayHeight, videoWidth, videoHeight, naturalWidth, naturalHeight, width, height } =
    picture as PictureLike;
  return {
    width: displayWidth ?? videoWidth ?? naturalWidth ?? width ?? 0,
    height: displayHeight ?? videoHeight ?? naturalHeight ?? height ?? 0,
  };
}

/** Takes pictures of one size into buffers: pixels of four bytes, at that size or another one. */
export class PictureImporter {
  /** Whether snapshots are taken of videos, since the browser cannot copy from them. */
  private indirect = false;

  private constructor(
    private readonly gpu: Gpu,
    private readonly size: PictureSize,
    readonly resized: PictureSize,
    private readonly pitch: number,
    /** Of what is no `ImageData`, whose bytes are written to `rows`. */
    private readonly texture: GPUTexture | undefined,
    private readonly rows: GPUBuffer,
    private readonly pixels: GPUBuffer,
    private readonly resize: Program,
  ) {}

  /**
   * @param first One of the pictures: the others are as large and of the same kind.
   * @param resized What they are resized to, with antialiasing; their own size where left out.
   * @throws InputError when it has no pixels; GpuOutOfMemoryError, DeviceLostError, DisposedError
   */
  static async create(gpu: Gpu, first: Picture, resized: PictureSize = pictureSize(first)): Promise<PictureImporter> {
    const size = pictureSize(first);
    const { width, height } = size;
    if (!(width > 0 && height > 0)) {
      throw new InputError(`${describeValue(first)} has no pixels yet: a video has them once it has loaded its data.`);
    }
    const pitch = isImageData(first) ? width : (Math.ceil((width * 4) / ROW_BYTES) * ROW_BYTES) / 4;
    gpu.assertUsable();
    const made: GPUBuffer[] = [];
    let texture: GPUTexture | undefined;
    try {
      const [rows, pixels] = await gpu.checked('Pictures', () => {
        const usage = BufferUsage.STORAGE | BufferUsage.COPY_DST | BufferUsage.COPY_SRC;
        for (const count of [pitch * height, resized.width * resized.height]) {
          made.push(gpu.createBuffer('pictures', count * 4, usage));
        }
        if (!isImageData(first)) {
          texture = gpu.device.createTexture({
            label: 'pictures',
            size: [width, height],
            format: 'rgba8unorm',
            usage: TextureUsage.COPY_SRC | TextureUsage.COPY_DST | TextureUsage.RENDER_ATTACHMENT,
          });
        }
        return made as [GPUBuffer, GPUBuffer];
      });
      const kernel = antialias({ picture: size, pitch, resized });
      const resources = [rows, pixels].map(wholeBuffer);
      const resize = await Program.create(gpu, 'pictures', [{ kernel, resources }]);
      return new PictureImporter(gpu, size, resized, pitch, texture, rows, pixels, resize);
    } catch (error) {
      for (const buffer of made) gpu.destroyBuffer(buffer);
      texture?.destroy();
      throw error;
    }
  }

  /**
   * Puts a picture into `buffer`, from `offset` on, as pixels of red, green, blue and 255. It has been taken when the promise settles:
   * then it may be closed.
   * @param what Begins the sentence about what is wrong with it, such as `Frame 3`.
   * @throws InputError when it has another size, was closed, or may not be read (another origin's); GpuValidationError,
   *   DeviceLostError, DisposedError
   */
  async put(picture: Picture, buffer: GPUBuffer, offset: number, what: string): Promise<void> {
    const { size, texture } = this;
    const { width, height } = pictureSize(picture);
    if (width !== size.width || height !== size.height || isImageData(picture) !== (texture === undefined)) {
      throw new InputError(
        `${what} is ${describeValue(picture)} of ${width}×${height} and those before it are of ${size.width}×${size.height}; all of a clip are of one kind and size.`,
      );
    }
    if (this.indirect) return this.putSnapshot(picture, buffer, offset, what);
    try {
      await this.copy(picture, buffer, offset, what);
    } catch (error) {
      if (error instanceof I3dError) throw error;
      if (!isVideo(picture)) throw refused(what, error);
      // Where a browser composes its pages without a GPU it cannot copy from videos, but from pictures that it makes of them.
      await this.putSnapshot(picture, buffer, offset, what);
      this.indirect = true;
    }
  }

  private async putSnapshot(picture: Picture, buffer: GPUBuffer, offset: number, what: string): Promise<void> {
    let bitmap: ImageBitmap | undefined;
    try {
      bitmap = await createImageBitmap(picture as VideoFrame, { premultiplyAlpha: 'none' });
      await this.copy(bitmap, buffer, offset, what);
    } catch (error) {
      throw error instanceof I3dError ? error : refused(what, error);
    } finally {
      bitmap?.close();
    }
  }

  private copy(picture: Picture, buffer: GPUBuffer, offset: number, what: string): Promise<void> {
    const { gpu, size, resized, texture, rows, pixels, pitch } = this;
    const { queue } = gpu.device;
    const extent = [size.width, size.height];
    return gpu.checked(what, () => {
      const encoder = gpu.device.createCommandEncoder();
      if (isImageData(picture)) queue.writeBuffer(rows, 0, picture.data as Uint8ClampedArray<ArrayBuffer>);
      else {
        const target = { texture: texture!, colorSpace: 'srgb', premultipliedAlpha: false } as const;
        queue.copyExternalImageToTexture({ source: picture }, target, extent);
        encoder.copyTextureToBuffer({ texture: texture! }, { buffer: rows, bytesPerRow: pitch * 4 }, extent);
      }
      this.resize.encode(encoder);
      encoder.copyBufferToBuffer(pixels, 0, buffer, offset, resized.width * resized.height * 4);
      queue.submit([encoder.finish()]);
    });
  }

  dispose(): void {
    this.resize.dispose();
    for (const buffer of [this.rows, this.pixels]) this.gpu.destroyBuffer(buffer);
    this.texture?.destroy();
  }
}

export interface ImportOptions {
  /** What pictures are resized to, with antialiasing; their own size where left out. Pixels. */
  readonly resized?: PictureSize | undefined;
}

/**
 * Pictures as frames in the device's memory, such as for `computeFlowOnDevice` and `Recogniser.run`. Colours are what the browser makes
 * of them (sRGB).
 * @param pictures Of one kind and size. When the promise settles they may be closed.
 * @returns T×H×W×3 bytes. The caller's to dispose of.
 * @throws InputError when there is none, one is no picture, cannot be read, or has another size; GpuOutOfMemoryError, DeviceLostError,
 *   DisposedError
 */
export async function importPictures(
  gpu: Gpu,
  pictures: readonly Picture[],
  options: ImportOptions = {},
): Promise<DeviceTensor<'u8'>> {
  checkGpu('importPictures', gpu);
  checkOptionNames('importPictures', options, ['resized']);
  const [first] = pictures;
  const odd = [...pictures].findIndex((picture) => !isPicture(picture));
  if (!first || odd >= 0) {
    const given = first ? `picture ${odd} is ${describeValue(pictures[odd])}` : 'there is none';
    throw new InputError(`importPictures takes a list of pictures (${listed(NAMES)}), and ${given}.`);
  }
  const importer = await PictureImporter.create(gpu, first, options.resized);
  const { width, height } = importer.resized;
  let pixels: DeviceTensor<'u8'> | undefined;
  try {
    pixels = DeviceTensor.make(gpu, 'u8', [pictures.length, height, width, 4]);
    for (const [i, picture] of pictures.entries()) {
      await importer.put(picture, pixels.buffer, i * width * height * 4, `Picture ${i}`);
    }
    return await packPixels(gpu, pixels);
  } finally {
    pixels?.dispose();
    importer.dispose();
  }
}
