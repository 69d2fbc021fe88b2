/** @file WebGPU's flag values. The spec fixes them; the globals that carry them are missing in Node, where Dawn is injected. */

export const BufferUsage = {
  MAP_READ: 0x0001,
  MAP_WRITE: 0x0002,
  COPY_SRC: 0x0004,
  COPY_DST: 0x0008,
  UNIFORM: 0x0040,
  STORAGE: 0x0080,
  QUERY_RESOLVE: 0x0200,
} as const;

export const TextureUsage = { COPY_SRC: 0x01, COPY_DST: 0x02, STORAGE_BINDING: 0x08, RENDER_ATTACHMENT: 0x10 } as const;

/** Of textures that hold lists of vec4f. */
export const TEXEL_FORMAT = 'rgba32float';

export const ShaderStage = { COMPUTE: 0x4 } as const;
export const MapMode = { READ: 0x1, WRITE: 0x2 } as const;
