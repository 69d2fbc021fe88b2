/// <reference types="@webgpu/types" preserve="true" />
/**
 * @file The public API, safe in a browser: nothing of Node is reachable from here. A list, name by name: what it exports, with
 * signatures, is docs/api.txt, which `npm run docs` writes and a test compares.
 */

// The models that come along, and I3D's conveniences.
export { MODELS } from './catalogue.ts';
// Vocabulary.
export type { Abortable } from './core/abort.ts';
export { type ErrorCode, GraphError, I3dError, InputError } from './core/errors.ts';
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
  computeFlowOnDevice,
  type FlowError,
  type FlowSize,
  type FlowStreamOptions,
  flowToColor,
  flowToStream,
  flowToStreamOnDevice,
  type PresetName,
  presets,
  type SolverKind,
  type StreamSettings,
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
export type { ChosenBy } from './graph/choose.ts';
export { type CompileOptions, type CompileProgress, compile, compileKernels } from './graph/compile.ts';
export { type DeviceInput, DeviceTensor, type DeviceType } from './graph/device_tensor.ts';
export { type GradientOptions, gradients } from './graph/gradients.ts';
export type { Graph, Node, Value, ValueId } from './graph/graph.ts';
export { DeviceParameters } from './graph/parameters.ts';
export type { Activations } from './graph/passes/half_activations.ts';
export type { Plan, PlanDeviceOptions, PlanMemory, PlanRow, PlanRunOptions, ProfiledRow } from './graph/plan.ts';
export type { PlanInputs, PlanTargets } from './graph/plan_io.ts';
export { DeviceState } from './graph/state.ts';
export { type TuneOptions, type TuneProgress, tune } from './graph/tuner.ts';
export { type NamingId, readI3dCheckpoint } from './i3d/checkpoint.ts';
export { I3D, I3D_OUTPUTS, type I3dOptions, i3dGraph, i3dGraphOnFrames } from './i3d/i3d.ts';
export { INCEPTION_4 } from './i3d/inception4.ts';
// Formats, from bytes.
export type { ByteSource } from './io/bytes.ts';
export { decodeFlo, encodeFlo } from './io/flo.ts';
export { indexedDbTuning } from './io/indexeddb_tuning.ts';
export { decodeNpy, encodeNpy } from './io/npy.ts';
export { decodeNpyText } from './io/npy-text.ts';
export { decodePyTorch } from './io/pytorch.ts';
export { decodeSafetensors, encodeSafetensors, type Safetensors } from './io/safetensors.ts';
export { readTensorFlowCheckpoint } from './io/tensorflow.ts';
// Operators and kernels of one's own.
export type { PerColour } from './kernels/clip/colour.ts';
export type { Triple } from './kernels/conv3d/problem.ts';
export type { BinaryName, UnaryName } from './kernels/pointwise/functions.ts';
export type { Reduction } from './kernels/reduce/reduce.ts';
export { activation, type Element, elementOf } from './kernels/shared/element.ts';
export type { Axis, Layout } from './kernels/shared/layout.ts';
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
export {
  type Arithmetic,
  type Product,
  type ProductTile,
  productWork,
  streamWork,
  type Work,
} from './kernels/shared/work.ts';
// Models.
export {
  type BuildOptions,
  defineModel,
  type Inflatable,
  type Memory,
  type ModelDefaults,
  type ModelDefinition,
  type ModelDescription,
  type ModelEnds,
  type ModelForm,
  type ModelReduction,
  type ModelSpec,
  type Preprocessing,
  type Published,
  type Stream,
  type TextTower,
} from './models/definition.ts';
export {
  type ClipInput,
  type FrameOptions,
  FrameReducer,
  type Framing,
  preprocessGeometry,
  type Region,
  specGeometry,
} from './models/frames.ts';
export { addModel, frameGraph, type ModelGraphOptions, modelGraph, OUTPUTS } from './models/graph.ts';
export { inflateKernel, inflateModel } from './models/inflate.ts';
export { type DataSetName, type LabelList, labelsFor, parseLabels } from './models/labels.ts';
export { KINETICS_400 } from './models/labels-kinetics400.ts';
export { KINETICS_600 } from './models/labels-kinetics600.ts';
export {
  type Model,
  type ModelFileOptions,
  modelFileContents,
  parseModelFile,
  type StoredModel,
} from './models/model_file.ts';
export { channelsFirstShapes, channelsLastShapes, type Naming, PYTORCH_IGNORED } from './models/naming.ts';
export { OnlineRecogniser } from './models/online.ts';
export { initialParameters, modelParameters } from './models/parameters.ts';
export {
  type Network,
  Recogniser,
  Recogniser as I3dStream,
  type RecogniserClip,
  type RecogniserCompileOptions,
  type RecogniserOptions,
  type RecogniserRunOptions,
  type Recognition,
} from './models/recogniser.ts';
export { ModelRegistry } from './models/registry.ts';
export {
  averageLogits,
  classProbabilities,
  type FusionMode,
  type FusionOptions,
  fuse,
  NonFiniteLogitsError,
  type Scored,
  softmax,
  topK,
} from './models/scores.ts';
export { type ModelSpecOptions, modelSpec, specMinimum } from './models/spec.ts';
export {
  embedTexts,
  type LookedUp,
  readTextTower,
  type TextWeights,
  Vocabulary,
} from './models/text_tower.ts';
export { type LayerDifference, type Verification, verifyInflation } from './models/verify.ts';
export { type ModelWeights, readImageModel, readWeights, type WeightsOptions } from './models/weights.ts';
export { type Window, type WindowRequest, type WindowRule, windowRule, windows } from './models/windows.ts';
export type { ConsideredKernel } from './ops/estimate.ts';
export {
  type Argument,
  type Candidate,
  type ConstantArgument,
  type Cost,
  defineOperator,
  fromInput,
  fromOutput,
  type GradientContext,
  type LoweredDispatch,
  type NoAttributes,
  type NodeOperands,
  type Operand,
  type Operator,
  type Preparation,
  pointwiseCost,
  type Runs,
  type Surcharge,
  singleDispatch,
  storedBytes,
  type TensorType,
  type ValueRef,
} from './ops/operator.ts';
export type { PreprocessAttributes } from './ops/preprocess.ts';
export type { PadAttributes, ShiftAttributes, SliceAttributes } from './ops/slice.ts';
export type { Padding, PaddingPair } from './ops/sliding_window.ts';
// Recognition, from frames to classes.
export type { TwoStreamProgress } from './recognition/clip_networks.ts';
export type {
  FusedScores,
  ScoreOptions,
  SureOptions,
  TwoStreamResult,
  TwoStreamWindow,
} from './recognition/clip_result.ts';
export type { Frame } from './recognition/frame_parts.ts';
export type { Frames } from './recognition/frame_source.ts';
export { type LiveWindow, LiveWindows, type LiveWindowsOptions } from './recognition/live_windows.ts';
export { type LoadedModel, type LoadModelOptions, loadModel, loadTensorFlow } from './recognition/load_model.ts';
export { type ImportOptions, importPictures, type Picture, type PictureSize } from './recognition/pictures.ts';
export { type FileSource, LoadError } from './recognition/source_bytes.ts';
export type { Phase, Spent } from './recognition/stopwatches.ts';
export {
  TwoStream,
  type TwoStreamClassifyOptions,
  type TwoStreamCompileProgress,
  type TwoStreamOptions,
  type TwoStreamRunOptions,
} from './recognition/two_stream.ts';
export {
  type ConnectOptions,
  connectRecogniser,
  type WorkerCallOptions,
  WorkerRecogniser,
} from './recognition/worker_client.ts';
export type {
  OpenedRecogniser,
  OpenOptions,
  OpenProgress,
  SentFlowOptions,
  WorkerEnd,
  WorkerModel,
  WorkerModelSource,
} from './recognition/worker_protocol.ts';
export { type RecogniserServer, type ServeOptions, serveRecogniser } from './recognition/worker_server.ts';
export {
  type OptimiserOptions,
  TRAINING_INPUTS,
  TRAINING_OUTPUTS,
  type TrainingOptions,
  trainingGraph,
} from './train/run/step_graph.ts';
