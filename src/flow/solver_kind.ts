/** @file Which kernels iterate where. Apart from the kernels: whoever asks need not have their code. */

import type { DeviceProfile } from '../core/kernel.ts';
import { fixedNarrowSubgroup } from '../kernels/shared/subgroup.ts';

/** Which kernels iterate: `sweep` for narrow subgroups (software adapters), `tile` for GPUs. */
export type SolverKind = 'sweep' | 'tile';

/** The kernels that suit an adapter. */
export function solverFor(profile: DeviceProfile): SolverKind {
  return profile.software && fixedNarrowSubgroup(profile) ? 'sweep' : 'tile';
}
