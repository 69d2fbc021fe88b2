/**
 * @file Matrices that the lanes of a subgroup share, as WGSL: what kernels need of Dawn's experimental extension
 * `chromium_experimental_subgroup_matrix`, in each of its dialects.
 *
 *                  N
 *             ┌─────────┐      Left and right have components of one type, results are f32. Which lane holds which element is
 *           K │  Right  │      the device's affair: a matrix comes from memory and goes to memory as a whole.
 *             └─────────┘
 *      K                       In WGSL the types count columns before rows, subgroup_matrix_left<T, K, M>, which no square
 *    ┌────┐   ┌─────────┐      matrix shows. All lanes of a subgroup take part in each operation and agree on where it loads
 *  M │Left│   │ Result  │      from. Addresses and strides must be multiples of 16 bytes (Vulkan), and matrices lie within
 *    └────┘   └─────────┘      the array, every element of them.
 *
 * Where matrices lie: each in a piece of its own of a workgroup variable, an array of arrays. Dawn holds offset and stride of every
 * load against the length of the array that it is given, and replaces them where they reach beyond. Those of a piece are constants,
 * so nothing of that is left at run time, and compilers see that addresses are multiples of 16 bytes. In one long array a matrix of
 * 16×16 took RADV 8 to 16 loads of 2 to 8 bytes, with an address for each; in pieces it takes two of 16 bytes.
 *
 * Left and results lie by rows, right by columns: what a lane of an AMD or NVIDIA GPU holds of left or right is a run along K.
 */

import type { SubgroupMatrixDialect } from '../../core/kernel.ts';

export interface MatrixShape {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What a kernel does with matrices. The variables are arrays of arrays, of components or, for results, of f32. */
interface MatrixUse extends MatrixShape {
  /** Of left and right matrices. */
  readonly component: 'f32' | 'f16';
  readonly left: string;
  readonly right: string;
  readonly results: string;
}

/** The parts of a shader. A piece is an index, an expression; offsets within it and strides count components. */
interface MatrixCode {
  /** Directives that the shader begins with. */
  readonly enable: string;
  /** Declares the types `Left`, `Right` and `Result`; a variable without a value holds zeros. */
  readonly declarations: string;
  load(type: 'Left' | 'Right', piece: string, offset: number, stride: number): string;
  store(piece: string, result: string, stride: number): string;
  /** left · right + sum */
  multiplyAdd(left: string, right: string, sum: string): string;
}

export type MatrixDialect = (use: MatrixUse) => MatrixCode;

/** Where a matrix lies, and whether it does so by columns. */
type Access = (type: string, pointer: string, offset: number, stride: number, byColumns: boolean) => string;

/** Loads and stores, the only place where the dialects differ. */
interface MatrixAccess {
  readonly load: Access;
  store(pointer: string, result: string, stride: number): string;
}

const dialect =
  (access: MatrixAccess): MatrixDialect =>
  ({ component, M, N, K, left, right, results }) => ({
    // Uniformity is known for workgroups only, and a subgroup's number is not the same in all of a workgroup.
    enable: `enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);`,
    declarations: /* wgsl */ `
alias Left = subgroup_matrix_left<${component}, ${K}, ${M}>;
alias Right = subgroup_matrix_right<${component}, ${N}, ${K}>;
alias Result = subgroup_matrix_result<f32, ${N}, ${M}>;`,
    load: (type, piece, offset, stride) => {
      const byColumns = type === 'Right';
      return access.load(type, `&${byColumns ? right : left}[${piece}]`, offset, stride, byColumns);
    },
    store: (piece, result, stride) => access.store(`&${results}[${piece}]`, result, stride),
    multiplyAdd: (a, b, sum) => `subgroupMatrixMultiplyAccumulate(${a}, ${b}, ${sum})`,
  });

export const MATRIX_DIALECTS: Readonly<Record<SubgroupMatrixDialect, MatrixDialect>> = {
  template: dialect({
    load: (type, pointer, offset, stride, byColumns) =>
      `subgroupMatrixLoad<${type}, ${byColumns ? 'col_major' : 'row_major'}>(${pointer}, ${offset}u, ${stride}u)`,
    store: (pointer, result, stride) => `subgroupMatrixStore<row_major>(${pointer}, 0u, ${result}, ${stride}u)`,
  }),
  boolean: dialect({
    load: (type, pointer, offset, stride, byColumns) =>
      `subgroupMatrixLoad<${type}>(${pointer}, ${offset}u, ${byColumns}, ${stride}u)`,
    store: (pointer, result, stride) => `subgroupMatrixStore(${pointer}, 0u, ${result}, false, ${stride}u)`,
  }),
};
