/** @file What the bindings of a dispatch are bound to. */

/** A part of a buffer; `offset` is a multiple of the device's binding alignment. Bytes. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** A list of vec4f in a texture, rows of TEXEL_COLUMNS. */
export class Texels {
  private made: GPUTextureView | undefined;

  constructor(
    readonly texture: GPUTexture,
    /** Bytes, the filled-up last row included. */
    readonly size: number,
  ) {}

  /** Made when it is first bound: on Mesa's llvmpipe that waits for all work before, compiling included; see `Program.create`. */
  get view(): GPUTextureView {
    this.made ??= this.texture.createView();
    return this.made;
  }

  /** Fills the texture with the contents of `from`, which is at least as large. */
  encodeCopy(encoder: GPUCommandEncoder, from: GPUBuffer): void {
    const { texture } = this;
    encoder.copyBufferToTexture({ buffer: from, bytesPerRow: 16 * texture.width }, { texture }, [
      texture.width,
      texture.height,
    ]);
  }
}

/** `texels` and `writtenTexels` are bound to a texture, all other bindings to a part of a buffer. */
export type Resource = BufferRange | Texels;

export const wholeBuffer = (buffer: GPUBuffer): BufferRange => ({ buffer, offset: 0, size: buffer.size });
