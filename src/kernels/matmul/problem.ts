/**
 * @file What both kernels of a batched matrix product share. y = op(a) · op(b), M×N, over K, for every matrix of a batch.
 *
 * A matrix lies in memory as its rows do: a row is a pixel of the view, its columns are channels, read as vec4. So of a the vec4 go
 * along K, or along M where it is transposed; of b along N, or along K where it is transposed. Kernels take blocks of 4×4: four rows,
 * one vec4 each, transposed in registers where they lie the other way round, so that a block of a always has 4 steps of K for 4 rows
 * of y, and a block of b 4 columns of y for 4 steps of K:
 *
 *   block_a(row4, k4): vec4 i = a[4·row4 + i][4·k4 … + 3]        block_b(k4, column4): vec4 i = b[4·k4 + i][4·column4 … + 3]
 *
 * What is outside of a matrix is 0 in both. Operands whose batches have other extents are repeated by numpy's rules.
 *
 * An epilogue makes something else of a vec4 of y before it is stored, from tensors of its own or from what y held before.
 */

import type { Binding } from '../../core/kernel.ts';
import { axesOf, type Broadcast } from '../shared/broadcast.ts';
import { type View, vec4s } from '../shared/view.ts';
import { type FieldType, storage, struct } from '../shared/wgsl.ts';

export interface MatmulOperand {
  readonly binding: Binding;
  readonly view: View;
  /** Stored as K×M for a, N×K for b. */
  readonly transposed: boolean;
}

export interface MatmulProblem {
  readonly a: MatmulOperand;
  readonly b: MatmulOperand;
  readonly y: View;
  /** Rows of y, columns of y, and what is summed over. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Matrices of the result. */
  readonly batch: number;
  /** Where a's and b's matrices lie among those of the result. */
  readonly batches: Broadcast;
  readonly epilogue?: MatmulEpilogue;
}

/** What is done with sums before they are stored. */
export interface MatmulEpilogue {
  /** For the kernel's name. */
  readonly name: string;
  /** Those of tensors that it reads, behind y's. */
  readonly bindings: readonly Binding[];
  /** Uniforms of its own. */
  readonly values: Readonly<Record<string, { readonly type: FieldType; readonly value: number }>>;
  /**
   * WGSL that changes `v`, the vec4 of y at `at`, whose first column is 4·column4 of `row` of `matrix`. Whatever lies past the last
   * column has to become 0.
   */
  readonly code: string;
}

/** Bindings, in order: one for both operands where they lie in one buffer, y, and what an epilogue reads. */
export const matmulBindings = ({ a, b, epilogue }: MatmulProblem): Binding[] => [
  ...new Map([a, b].map(({ binding }) => [binding.name, binding])).values(),
  storage('y'),
  ...(epilogue?.bindings ?? []),
];

/** Of a kernel: what computes the product, and what is done with it. */
export const matmulName = (product: string, { epilogue }: MatmulProblem): string =>
  `matmul ${product}${epilogue ? `, ${epilogue.name}` : ''}`;

export function matmulUniforms(problem: MatmulProblem) {
  const { a, b, y, m, n, k, batch, batches, epilogue } = problem;
  const axes = batches.sizes.flatMap((size, axis) => [
    [`size${axis}`, size] as const,
    [`a_step${axis}`, batches.steps[0]![axis]!] as const,
    [`b_step${axis}`, batches.steps[1]![axis]!] as const,
  ]);
  const values: Record<string, number> = {
    m,
    n,
    k,
    batch,
    k4: vec4s(k),
    n4: vec4s(n),
    a_base: a.view.base,
    a_stride: a.view.stride,
    b_base: b.view.base,
    b_stride: b.view.stride,
    y_base: y.base,
    y_stride: y.stride,
    ...Object.fromEntries(axes),
  };
  const own = Object.entries(epilogue?.values ?? {});
  const fields: Record<string, FieldType> = {
    ...Object.fromEntries(Object.keys(values).map((name) => [name, 'u32' as const])),
    ...Object.fromEntries(own.map(([name, { type }]) => [name, type])),
  };
  for (const [name, { value }] of own) values[name] = value;
  return { params: struct('Matmul', fields), values };
}

/**
 * `first_rows(matrix)`: numbers of the first rows of a's and b's matrices; `block_a` and `block_b` as above, from those, and their
 * halves: `read_a` takes from memory whatever lies there, `turn_a` makes a block of it; `store`, which guards both tails.
 */
export function matmulFunctions({ a, b, batches, epilogue }: MatmulProblem): string {
  const axes = batches.sizes.map((_, axis) => axis);
  const matrix = (name: string): string =>
    axes.map((axis) => `axis${axis} * p.${name}_step${axis}`).join(' + ') || '0u';
  const [aRows, bRows] = [a.transposed ? 'p.k' : 'p.m', b.transposed ? 'p.n' : 'p.k'];
  const block = (name: 'a' | 'b', { binding, transposed }: MatmulOperand, rows: string): string => {
    // Rows as they lie; a block that is turned has its vec4 along the other index.
    const [row4, column4] = transposed ? ['second', 'first'] : ['first', 'second'];
    const read = (i: number): string =>
      `${binding.name}[p.${name}_base + (start + min(4u * ${row4} + ${i}u, ${rows} - 1u)) * p.${name}_stride + column]`;
    const row = (i: number): string => `select(vec4f(0), value[${i}], 4u * ${row4} + ${i}u < ${rows} && inside)`;
    const columns = { a: transposed ? 'p.m' : 'p.k', b: transposed ? 'p.k' : 'p.n' }[name];
    const matrix = (line: (i: number) => string): string => `mat4x4f(${[0, 1, 2, 3].map(line).join(', ')})`;
    return /* wgsl */ `
fn read_${name}(start: u32, first: u32, second: u32) -> mat4x4f {
  let column = min(${column4}, (${columns} - 1u) / 4u);
  return ${matrix(read)};
}

fn turn_${name}(value: mat4x4f, first: u32, second: u32) -> mat4x4f {
  let inside = 4u * ${column4} < ${columns};
  return ${transposed ? `transpose(${matrix(row)})` : matrix(row)};
}

fn block_${name}(start: u32, first: u32, second: u32) -> mat4x4f {
  return turn_${name}(read_${name}(start, first, second), first, second);
}`;
  };
  return /* wgsl */ `
fn first_rows(matrix: u32) -> vec2u {
  ${axes.length > 0 ? axesOf('matrix', axes.length) : ''}
  return vec2u((${matrix('a')}) * ${aRows}, (${matrix('b')}) * ${bRows});
}
${block('a', a, aRows)}
${block('b', b, bRows)}

fn store(matrix: u32, row: u32, column4: u32, value: vec4f) {
  if (row < p.m && column4 < p.n4) {
    let at = p.y_base + (matrix * p.m + row) * p.y_stride + column4;
    var v = value;
    ${epilogue?.code ?? ''}
    y[at] = v;
  }
}`;
}
