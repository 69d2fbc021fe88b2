/** @file What the bindings of a dispatch are bound to. */

/** A part of a buffer; `offset` is a multiple of the device's binding alignment. Bytes. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** A list of vec4f in a texture, rows of TEXEL_COLUMNS. */
export interface Texels {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
  /** Bytes, the filled-up last row included. */
  readonly size: number;
}

/** `texels` are bound to a texture, all other bindings to a part of a buffer. */
export type Resource = BufferRange | Texels;

export const wholeBuffer = (buffer: GPUBuffer): BufferRange => ({ buffer, offset: 0, size: buffer.size });
