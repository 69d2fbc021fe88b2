/** @file What a compute kernel is, without a device: kernels are written against this, devices compile it. */

/**
 * How a kernel sees memory. `constant` is a read-only buffer (weights); `storage` is read and written: activations share one
 * arena, and WebGPU wants every binding of a buffer in one dispatch to have the same access, reads included. `texels` is a
 * read-only list of vec4f in a texture: row after row of TEXEL_COLUMNS texels, 32-bit floats. `writtenTexels` is such a list that
 * is only written.
 */
export type BindingKind = 'uniform' | 'constant' | 'storage' | 'texels' | 'writtenTexels';

/**
 * Texels in a row of a texture that holds a list. Few, since the last row is filled up; 8192 rows, which every device allows,
 * hold 128 MiB.
 */
export const TEXEL_COLUMNS = 1024;

export interface Binding {
  readonly name: string;
  readonly kind: BindingKind;
  /** The WGSL type of the variable, such as `array<vec4f>`. */
  readonly type: string;
}

export type Workgroups = readonly [x: number, y: number, z: number];

/** Vec4f that a texture can hold on every device. */
export const MAX_TEXELS = TEXEL_COLUMNS * 8192;

export const isTexels = (kind: BindingKind): boolean => kind === 'texels' || kind === 'writtenTexels';

/** Bytes of the texture that holds a list of so many vec4f. */
export const texelBytes = (count: number): number => 16 * TEXEL_COLUMNS * Math.max(1, Math.ceil(count / TEXEL_COLUMNS));

/** A shader with its bindings, all in group 0, numbered in order. Equal `wgsl` means the same pipeline. */
export interface Kernel {
  /** Shown in plans, profiles and error messages. */
  readonly name: string;
  readonly wgsl: string;
  readonly bindings: readonly Binding[];
  /** The contents of the one uniform binding; empty when the kernel has none. */
  readonly uniforms: ArrayBuffer;
  readonly workgroups: Workgroups;
}

/** Whether results may differ from float32 direct convolution, and how far (relative error of the logits). */
export type Accuracy = 'exact' | 'fast' | 'half';

/** A class allows what those before it do. */
export const ACCURACIES: readonly Accuracy[] = ['exact', 'fast', 'half'];

/** Matrices that a device can multiply, shared by the lanes of a subgroup: M×K times K×N, added to M×N. */
export interface SubgroupMatrixConfig {
  /** Of both factors: `f32`, `f16`, `u32`, `i32`, `u8` or `i8`. */
  readonly componentType: string;
  /** Of the sum. */
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/**
 * How loads and stores say whether a matrix lies in memory by rows or by columns: as an argument of their `template`, or, in
 * older versions of Dawn, as one more `boolean` argument. The extension is experimental and changes.
 */
export type SubgroupMatrixDialect = 'template' | 'boolean';

export interface SubgroupMatrices {
  readonly dialect: SubgroupMatrixDialect;
  readonly configs: readonly SubgroupMatrixConfig[];
}

/** The facts about an adapter that the choice of a kernel may rest on. Plain data, so that it can be made up in tests. */
export interface DeviceProfile {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Runs on the CPU (lavapipe, SwiftShader, WARP). */
  readonly software: boolean;
  readonly subgroups: boolean;
  /** 0 where subgroups are not offered. */
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  /** Shaders may say how many lanes their subgroups have, within these bounds. */
  readonly subgroupSizeControl?: boolean | undefined;
  readonly shaderF16: boolean;
  /** Kernels may read from storage textures, that is, have `texels`. */
  readonly texels: boolean;
  /** Missing where the device has none, or nobody asked for experimental features. */
  readonly subgroupMatrix?: SubgroupMatrices | undefined;
  readonly timestamps: boolean;
  /** Bytes. */
  readonly maxWorkgroupStorage: number;
  readonly maxInvocationsPerWorkgroup: number;
  readonly maxWorkgroupsPerDimension: number;
  /** Bytes that one storage binding may cover. */
  readonly maxStorageBinding: number;
  /** Bytes that one buffer may have. */
  readonly maxBufferSize: number;
  /** Bytes; offsets of storage and uniform bindings are multiples of it. */
  readonly bindingAlignment: number;
}
