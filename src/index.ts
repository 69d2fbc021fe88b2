/**
 * @file The public API, safe in a browser: nothing of Node is reachable from here. A list, name by name: what it exports, with
 * signatures, is docs/api.txt, which `npm run docs` writes and a test compares.
 */

// Vocabulary.
export { GraphError, I3dError, InputError } from './core/errors.ts';
export type {
  Accuracy,
  Binding,
  BindingKind,
  DeviceProfile,
  Kernel,
  SubgroupMatrices,
  SubgroupMatrixConfig,
  SubgroupMatrixDialect,
  Workgroups,
} from './core/kernel.ts';
export {
  type DType,
  type FloatTensor,
  floatTensor,
  formatShape,
  type HostTensor,
  type Shape,
  type StateDict,
  sameShape,
  sizeOf,
  type TypedArrayOf,
} from './core/tensor.ts';
export type { ShippedTable, TuningRecord, TuningStore, TuningTable, TuningTimes } from './core/tuning.ts';
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
  type SolverKind,
  Tvl1,
  type Tvl1Options,
  type Tvl1Settings,
} from './flow/index.ts';
// The device.
export { Gpu, type GpuOptions, type LimitName } from './gpu/device.ts';
export {
  AdapterError,
  DeviceLostError,
  DisposedError,
  GpuOutOfMemoryError,
  GpuValidationError,
  KernelCompileError,
} from './gpu/errors.ts';
// Graphs and plans.
export { type Conv3dOptions, GraphBuilder, type Pool3dOptions } from './graph/builder.ts';
export { type CompileOptions, compile, compileKernels } from './graph/compile.ts';
export { type GradientOptions, gradients } from './graph/gradients.ts';
export type { Graph, Node, Value, ValueId } from './graph/graph.ts';
export { DeviceParameters } from './graph/parameters.ts';
export type { Activations } from './graph/passes/half_activations.ts';
export type { Plan, PlanMemory, PlanRow, PlanRunOptions, ProfiledRow } from './graph/plan.ts';
export { DeviceState } from './graph/state.ts';
export {
  type OptimiserOptions,
  TRAINING_INPUTS,
  TRAINING_OUTPUTS,
  type TrainingOptions,
  trainingGraph,
} from './graph/training.ts';
export { type TuneOptions, type TuneProgress, tune } from './graph/tuner.ts';
// I3D.
export type { ArchitectureId, Stream } from './i3d/architecture.ts';
export {
  type I3dCheckpoint,
  type I3dCheckpointOptions,
  type NamingId,
  readI3dCheckpoint,
} from './i3d/checkpoint.ts';
export {
  type I3dResult,
  type I3dRunOptions,
  I3dStream,
  type I3dStreamOptions,
  type StreamNetwork,
} from './i3d/classifier.ts';
export { readImageModel } from './i3d/image_checkpoint.ts';
export { inflateKernel, inflateModel } from './i3d/inflate.ts';
export { type HeadOptions, I3D_OUTPUTS, type I3dOptions, i3dGraph, i3dGraphOnFrames } from './i3d/model.ts';
export {
  type Model,
  type ModelFileOptions,
  modelFileContents,
  parseModelFile,
  type StoredModel,
} from './i3d/model_file.ts';
export {
  addModel,
  initialParameters,
  type ModelSpec,
  modelGraph,
  modelSpec,
  specMinimum,
  specParameters,
} from './i3d/spec.ts';
export { type LayerDifference, type Verification, verifyInflation } from './i3d/verify.ts';
export { type Window, type WindowRequest, windows } from './i3d/windows.ts';
// Formats, from bytes.
export type { ByteSource } from './io/bytes.ts';
export { decodeFlo, encodeFlo } from './io/flo.ts';
export { indexedDbTuning } from './io/indexeddb_tuning.ts';
export { decodeNpy, encodeNpy } from './io/npy.ts';
export { decodePyTorch } from './io/pytorch.ts';
export { decodeSafetensors, encodeSafetensors, type Safetensors } from './io/safetensors.ts';
export { readTensorFlowCheckpoint } from './io/tensorflow.ts';
// Operators and kernels of one's own.
export type { Triple } from './kernels/conv3d/problem.ts';
export type { BinaryName, UnaryName } from './kernels/pointwise/functions.ts';
export { activation, type Element, elementOf } from './kernels/shared/element.ts';
export { denseView, pixelsOf, type View, vec4Bytes, vec4s } from './kernels/shared/view.ts';
export {
  constant,
  divideUp,
  type FieldType,
  type FieldValues,
  foldGrid,
  kernel,
  repeat,
  type Struct,
  storage,
  struct,
  texels,
} from './kernels/shared/wgsl.ts';
export { type FrameOptions, FrameReducer, type I3dInput, preprocessGeometry } from './models/frames.ts';
export { KINETICS_400, KINETICS_600, labelsFor, parseLabels } from './models/labels.ts';
export {
  averageLogits,
  type FusionMode,
  type FusionOptions,
  fuse,
  NonFiniteLogitsError,
  type Scored,
  softmax,
  topK,
} from './models/scores.ts';
export {
  type Argument,
  type Candidate,
  type ConstantArgument,
  type Cost,
  defineOperator,
  type GradientContext,
  input as fromInput,
  type LoweredDispatch,
  type NoAttributes,
  type NodeOperands,
  type Operand,
  type Operator,
  output as fromOutput,
  type Preparation,
  pointwiseCost,
  single as singleDispatch,
  storedBytes,
  type TensorType,
  type ValueRef,
} from './ops/operator.ts';
export type { PreprocessAttributes } from './ops/preprocess.ts';
export type { Padding, PaddingPair } from './ops/window.ts';
