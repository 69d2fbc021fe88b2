/** @file How many outputs a convolution's kernel writes. Apart from the kernels: graphs are built without their code. */

/** Outputs that one convolution may write: the three 1×1×1 siblings of a Mixed module. */
export const MAX_OUTPUTS = 3;

/** Outputs that the kernels of two branches tell apart. */
export const MAX_BRANCH_OUTPUTS = 4;
