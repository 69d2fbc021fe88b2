/** @file TV-L1 optical flow: compute it, look at it, compare it, feed it to the flow stream. */

export { compileFlow } from './ahead.ts';
export { COLOR_WHEEL, type ColorOptions, flowToColor } from './color.ts';
export { compareFlow, type FlowError } from './compare.ts';
export { type ComputeFlowOptions, computeFlow, pairsPerGroup, RgbFlow } from './compute.ts';
export { computeFlowOnDevice, flowToStreamOnDevice } from './on_device.ts';
export { type PresetName, presets, resolveOptions, type Tvl1Options } from './options.ts';
export { type FlowSize, solverBytes } from './solver.ts';
export { type SolverKind, solverFor } from './solver_kind.ts';
export { type FlowStreamOptions, flowToStream, type StreamSettings } from './stream.ts';
export { Tvl1, type Tvl1Settings } from './tvl1.ts';
