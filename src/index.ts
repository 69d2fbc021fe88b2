/** @file The public API, safe in a browser: nothing of Node is reachable from here. */

// Vocabulary.
export * from './core/errors.ts';
export * from './core/kernel.ts';
export * from './core/tensor.ts';
// Optical flow.
export {
  type ColorOptions,
  type ComputeFlowOptions,
  compareFlow,
  computeFlow,
  type FlowError,
  type FlowSize,
  type FlowStreamOptions,
  flowToColor,
  flowToStream,
  type PresetName,
  presets,
  resolveOptions,
  Tvl1,
  type Tvl1Options,
  type Tvl1Settings,
} from './flow/index.ts';
// The device.
export { Gpu, type GpuOptions, type LimitName } from './gpu/device.ts';
export * from './gpu/errors.ts';
// Graphs and plans.
export { type Conv3dOptions, GraphBuilder, type Pool3dOptions } from './graph/builder.ts';
export { type CompileOptions, compile, compileKernels } from './graph/compile.ts';
export type { Graph, Node, Value, ValueId } from './graph/graph.ts';
export { indexedDbTuning } from './graph/indexeddb_tuning.ts';
export { DeviceParameters } from './graph/parameters.ts';
export { Plan, type PlanMemory, type PlanRow, type PlanRunOptions, type ProfiledRow } from './graph/plan.ts';
// I3D.
export { type TuneOptions, type TuneProgress, tune } from './graph/tuner.ts';
export * from './i3d/architecture.ts';
export {
  type I3dCheckpoint,
  mapCheckpoint,
  modelParameters,
  type NamingId,
  readI3dCheckpoint,
} from './i3d/checkpoint.ts';
export { checkInputSize, I3D_OUTPUTS, type I3dOptions, i3dGraph, i3dGraphOnFrames } from './i3d/graph.ts';
export { readImageModel } from './i3d/image_namings.ts';
// Formats, from bytes.
export type { ByteSource } from './io/bytes.ts';
export { decodeFlo, encodeFlo } from './io/flo.ts';
export { decodeNpy, encodeNpy } from './io/npy.ts';
export { decodePyTorch } from './io/pytorch.ts';
export { decodeSafetensors, encodeSafetensors, type Safetensors } from './io/safetensors.ts';
export { readTensorFlowCheckpoint } from './io/tensorflow.ts';
export {
  CROP,
  type FrameOptions,
  FrameReducer,
  type I3dInput,
  preprocessGeometry,
  SHORT_SIDE,
} from './models/frames.ts';
export { inflateKernel, inflateModel } from './models/inflate.ts';
export { KINETICS_400, KINETICS_600, labelsFor, parseLabels } from './models/labels.ts';
export { type Model, type ModelFileOptions, modelFileContents, parseModelFile } from './models/model_file.ts';
export {
  type I3dResult,
  type I3dRunOptions,
  I3dStream,
  type I3dStreamOptions,
  type StreamNetwork,
} from './models/recogniser.ts';
export {
  averageLogits,
  checkFusionWeights,
  type FusionMode,
  type FusionOptions,
  fuse,
  NonFiniteLogitsError,
  type Scored,
  softmax,
  topK,
} from './models/scores.ts';
export * from './models/spec.ts';
export { type LayerDifference, TOLERANCE, type Verification, verifyInflation } from './models/verify.ts';
export * from './models/windows.ts';
export type { PreprocessAttributes } from './ops/preprocess.ts';
