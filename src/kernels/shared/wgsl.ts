/**
 * @file What every kernel file shares: uniform structs declared once (the WGSL text and the bytes come from the same
 * declaration), binding declarations, and folding a long grid into WebGPU's three dimensions.
 */

import {
  type Binding,
  type BindingKind,
  type DeviceProfile,
  isTexels,
  type Kernel,
  TEXEL_COLUMNS,
  type Workgroups,
} from '../../core/kernel.ts';

export type FieldType = 'u32' | 'i32' | 'f32';

/** Values for the fields of a struct. */
export type FieldValues<F extends Record<string, FieldType>> = { readonly [K in keyof F]: number };

/** A uniform struct of scalar fields: 4 bytes each, in order, the whole rounded up to 16 bytes. */
export interface Struct<F extends Record<string, FieldType>> {
  readonly name: string;
  readonly fields: F;
  readonly wgsl: string;
  pack(values: FieldValues<F>): ArrayBuffer;
}

/** Declares a uniform struct. */
export function struct<const F extends Record<string, FieldType>>(name: string, fields: F): Struct<F> {
  const entries = Object.entries(fields);
  const size = Math.ceil(entries.length / 4) * 16;
  return {
    name,
    fields,
    wgsl: `struct ${name} {\n${entries.map(([field, type]) => `  ${field}: ${type},\n`).join('')}}`,
    pack(values) {
      const buffer = new ArrayBuffer(size);
      const view = new DataView(buffer);
      entries.forEach(([field, type], i) => {
        const value = values[field as keyof F];
        if (type === 'f32') view.setFloat32(4 * i, value, true);
        else if (type === 'i32') view.setInt32(4 * i, value, true);
        else view.setUint32(4 * i, value, true);
      });
      return buffer;
    },
  };
}

/** Puts a kernel together: the bindings are declared from `bindings`, in order, so that text and host cannot drift apart. */
export function kernel<F extends Record<string, FieldType>>(source: {
  readonly name: string;
  readonly params: Struct<F>;
  readonly values: FieldValues<F>;
  /** Storage bindings; the uniform `p` comes before them. */
  readonly storage: readonly Binding[];
  readonly workgroups: Workgroups;
  /** Directives such as `enable subgroups;`, but for those that bindings ask for. */
  readonly enable?: string;
  readonly body: string;
}): Kernel {
  const bindings: Binding[] = [{ name: 'p', kind: 'uniform', type: source.params.name }, ...source.storage];
  const hasTexels = bindings.some(({ kind }) => isTexels(kind));
  const hasHalves = bindings.some(({ type }) => /vec4h|f16/.test(type));
  const directives = [hasHalves ? 'enable f16;' : '', source.enable, hasTexels ? READ_TEXELS : ''].filter(Boolean);
  return {
    name: source.name,
    wgsl: `${[...directives, source.params.wgsl, declare(bindings), source.body.trim()].join('\n')}\n`,
    bindings,
    uniforms: source.params.pack(source.values),
    workgroups: source.workgroups,
  };
}

const READ_TEXELS = 'requires readonly_and_readwrite_storage_textures;';

const ADDRESS_SPACE = {
  uniform: '<uniform>',
  constant: '<storage, read>',
  storage: '<storage, read_write>',
  texels: '',
  writtenTexels: '',
} as const;

function declare(bindings: readonly Binding[]): string {
  return bindings
    .map(({ name, kind, type }, i) => {
      const variable = `@group(0) @binding(${i}) var${ADDRESS_SPACE[kind]} ${name}: ${type};`;
      return isTexels(kind) ? `${variable}\n${texelFunction(name, kind)}` : variable;
    })
    .join('\n');
}

const texelFunction = (name: string, kind: BindingKind): string => {
  const at = `vec2u(i % ${TEXEL_COLUMNS}u, i / ${TEXEL_COLUMNS}u)`;
  return kind === 'texels'
    ? `fn ${name}_at(i: u32) -> vec4f { return textureLoad(${name}, ${at}); }`
    : `fn ${name}_put(i: u32, value: vec4f) { textureStore(${name}, ${at}, value); }`;
};

export const storage = (name: string, type = 'array<vec4f>'): Binding => ({ name, kind: 'storage', type });
export const constant = (name: string, type = 'array<vec4f>'): Binding => ({ name, kind: 'constant', type });
/** A list of vec4f in a texture; `name_at(i)` reads element i. */
export const texels = (name: string): Binding => ({
  name,
  kind: 'texels',
  type: 'texture_storage_2d<rgba32float, read>',
});
/** A list of vec4f in a texture that a kernel writes; `name_put(i, value)` writes element i. */
export const writtenTexels = (name: string): Binding => ({
  name,
  kind: 'writtenTexels',
  type: 'texture_storage_2d<rgba32float, write>',
});

/** WebGPU promises this many workgroups in each dimension on every adapter. */
export const MAX_GRID = 65535;

export const divideUp = (a: number, b: number): number => Math.ceil(a / b);

/**
 * Folds `count` workgroups into x and z; the kernel finds its number as `workgroup.x + workgroup.z * grid.x`, which may
 * reach past `count`, so kernels guard their stores. `y` is free for the kernel's other dimension.
 */
export function foldGrid(count: number, y = 1): Workgroups {
  const folds = divideUp(count, MAX_GRID);
  return [divideUp(count, folds), y, folds];
}

/**
 * The head of an entry point over a grid of `foldGrid`: `workgroup` and `grid`, from which a workgroup finds its number, and the
 * thread's number in its workgroup, or in its subgroup, by the name of `thread`.
 */
export const entryPoint = (
  workgroupSize: number,
  thread = 'lane',
  builtin: 'local_invocation_index' | 'subgroup_invocation_id' = 'local_invocation_index',
): string => /* wgsl */ `@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(${builtin}) ${thread}: u32,
)`;

/**
 * What ends a short loop whose body is long. A `constant` lets compilers unroll it, which suits GPUs. They cannot unroll up to a
 * `uniform`, which is what software drivers need: they take seconds for long shaders, and their caches are small.
 */
export type LoopBound = 'constant' | 'uniform';

export const loopBound = ({ software }: Pick<DeviceProfile, 'software'>): LoopBound =>
  software ? 'uniform' : 'constant';

/** Lines for `i` = 0 … count − 1, for code that must be written out, such as named accumulators. */
export function repeat(count: number, line: (i: number) => string, separator = '\n'): string {
  return Array.from({ length: count }, (_, i) => line(i)).join(separator);
}
