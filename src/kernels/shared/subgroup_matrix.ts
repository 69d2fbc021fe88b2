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
 */

import type { SubgroupMatrixDialect } from '../../core/kernel.ts';

export interface MatrixShape {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What a kernel does with matrices. */
interface MatrixUse extends MatrixShape {
  /** Of left and right matrices. */
  readonly component: 'f32' | 'f16';
  /** The workgroup array of components that they are loaded from, and that of f32 which results are stored to. */
  readonly source: string;
  readonly target: string;
}

/** The parts of a shader. Matrices lie in memory row by row; offsets and strides count components. */
interface MatrixCode {
  /** Directives that the shader begins with. */
  readonly enable: string;
  /** Declares the types `Left`, `Right` and `Result`; a variable without a value holds zeros. */
  readonly declarations: string;
  load(type: 'Left' | 'Right', offset: string, stride: number): string;
  store(offset: string, result: string, stride: number): string;
  /** left · right + sum */
  multiplyAdd(left: string, right: string, sum: string): string;
}

export type MatrixDialect = (use: MatrixUse) => MatrixCode;

/** @param access Loads and stores, the only place where the dialects differ. */
const dialect =
  (access: (use: MatrixUse) => Pick<MatrixCode, 'load' | 'store'>): MatrixDialect =>
  (use) => ({
    // Uniformity is known for workgroups only, and a subgroup's number is not the same in all of a workgroup.
    enable: `enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);`,
    declarations: /* wgsl */ `
alias Left = subgroup_matrix_left<${use.component}, ${use.K}, ${use.M}>;
alias Right = subgroup_matrix_right<${use.component}, ${use.N}, ${use.K}>;
alias Result = subgroup_matrix_result<f32, ${use.N}, ${use.M}>;`,
    ...access(use),
    multiplyAdd: (left, right, sum) => `subgroupMatrixMultiplyAccumulate(${left}, ${right}, ${sum})`,
  });

export const MATRIX_DIALECTS: Readonly<Record<SubgroupMatrixDialect, MatrixDialect>> = {
  template: dialect(({ source, target }) => ({
    load: (type, offset, stride) => `subgroupMatrixLoad<${type}, row_major>(&${source}, ${offset}, ${stride}u)`,
    store: (offset, result, stride) => `subgroupMatrixStore<row_major>(&${target}, ${offset}, ${result}, ${stride}u)`,
  })),
  boolean: dialect(({ source, target }) => ({
    load: (type, offset, stride) => `subgroupMatrixLoad<${type}>(&${source}, ${offset}, false, ${stride}u)`,
    store: (offset, result, stride) => `subgroupMatrixStore(&${target}, ${offset}, ${result}, false, ${stride}u)`,
  })),
};
