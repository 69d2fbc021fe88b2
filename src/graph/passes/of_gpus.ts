/** @file The passes that only GPUs want: programs on processors never load them. */

export { addInPlace } from './add_in_place.ts';
export { fuseDenseOfMeans } from './fuse_dense_of_means.ts';
export { halfActivations } from './half_activations.ts';
export { joinBranches } from './join_branches.ts';
