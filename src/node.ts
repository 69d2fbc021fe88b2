/** @file The public API for Node: everything of `i3d-webgpu`, Dawn as the adapter source, files and video. */

import { checkOptionNames, describeValue } from './core/check.ts';
import { I3dError, InputError } from './core/errors.ts';
import { GPU_OPTION_NAMES, Gpu, type GpuOptions } from './gpu/device.ts';
import { AdapterError } from './gpu/errors.ts';
import { Patience } from './gpu/patience.ts';
import { importFailure } from './io/optional_package.ts';

export type { FrameRate, Segments } from './core/frame_rate.ts';
// What i3d-webgpu has.
export {
  type Abortable,
  type Accuracy,
  type Activations,
  AdapterError,
  type Argument,
  type Arithmetic,
  type Axis,
  activation,
  addModel,
  averageLogits,
  type BinaryName,
  type Binding,
  type BindingKind,
  type BuildOptions,
  type ByteSource,
  type Candidate,
  type ChosenBy,
  type ClipInput,
  type ColorOptions,
  type CompileOptions,
  type CompileProgress,
  type ComputeFlowOptions,
  type ConnectOptions,
  type ConsideredKernel,
  type ConstantArgument,
  type Conv3dOptions,
  type Cost,
  channelsFirstShapes,
  channelsLastShapes,
  classProbabilities,
  compareFlow,
  compile,
  compileKernels,
  computeFlow,
  computeFlowOnDevice,
  connectRecogniser,
  constant,
  type DataSetName,
  type DeviceInput,
  DeviceLostError,
  DeviceParameters,
  type DeviceProfile,
  DeviceState,
  DeviceTensor,
  type DeviceType,
  DisposedError,
  type DType,
  decodeFlo,
  decodeNpy,
  decodeNpyText,
  decodePyTorch,
  decodeSafetensors,
  defineModel,
  defineOperator,
  denseView,
  divideUp,
  type Element,
  type ErrorCode,
  elementOf,
  embedTexts,
  encodeFlo,
  encodeNpy,
  encodeSafetensors,
  type FieldType,
  type FieldValues,
  type FileSource,
  type FloatTensor,
  type FlowError,
  type FlowSize,
  type FlowStreamOptions,
  type Frame,
  type FrameOptions,
  FrameReducer,
  type Frames,
  type Framing,
  type FusedScores,
  type FusionMode,
  type FusionOptions,
  floatTensor,
  flowToColor,
  flowToStream,
  flowToStreamOnDevice,
  foldGrid,
  formatShape,
  frameGraph,
  fromInput,
  fromOutput,
  fuse,
  Gpu,
  type GpuOptions,
  GpuOutOfMemoryError,
  GpuValidationError,
  type GradientContext,
  type GradientOptions,
  type Graph,
  GraphBuilder,
  GraphError,
  gradients,
  type HostTensor,
  I3D,
  I3D_OUTPUTS,
  I3dError,
  type I3dOptions,
  I3dStream,
  type ImportOptions,
  INCEPTION_4,
  type Inflatable,
  InputError,
  i3dGraph,
  i3dGraphOnFrames,
  importPictures,
  indexedDbTuning,
  inflateKernel,
  inflateModel,
  initialParameters,
  type Kernel,
  KernelCompileError,
  KINETICS_400,
  KINETICS_600,
  kernel,
  type LabelList,
  type LayerDifference,
  type Layout,
  type LimitName,
  type LiveWindow,
  LiveWindows,
  type LiveWindowsOptions,
  LoadError,
  type LoadedModel,
  type LoadModelOptions,
  type LookedUp,
  type LoweredDispatch,
  labelsFor,
  loadModel,
  loadTensorFlow,
  type Memory,
  MODELS,
  type Model,
  type ModelDefaults,
  type ModelDefinition,
  type ModelDescription,
  type ModelEnds,
  type ModelFileOptions,
  type ModelForm,
  type ModelGraphOptions,
  type ModelReduction,
  ModelRegistry,
  type ModelSpec,
  type ModelSpecOptions,
  type ModelWeights,
  modelFileContents,
  modelGraph,
  modelParameters,
  modelSpec,
  type Naming,
  type NamingId,
  type Network,
  type NoAttributes,
  type Node,
  type NodeOperands,
  NonFiniteLogitsError,
  OnlineRecogniser,
  type OpenedRecogniser,
  type OpenOptions,
  type OpenProgress,
  type Operand,
  type Operator,
  type OptimiserOptions,
  OUTPUTS,
  type PadAttributes,
  type Padding,
  type PaddingPair,
  type PerColour,
  type Phase,
  type Picture,
  type PictureSize,
  type Plan,
  type PlanDeviceOptions,
  type PlanInputs,
  type PlanMemory,
  type PlanRow,
  type PlanRunOptions,
  type PlanTargets,
  type Pool3dOptions,
  type Preparation,
  type PreprocessAttributes,
  type Preprocessing,
  type PresetName,
  type Product,
  type ProductTile,
  type ProfiledRow,
  type Published,
  PYTORCH_IGNORED,
  parseLabels,
  parseModelFile,
  pixelsOf,
  pointwiseCost,
  preprocessGeometry,
  presets,
  productWork,
  Recogniser,
  type RecogniserClip,
  type RecogniserCompileOptions,
  type RecogniserOptions,
  type RecogniserRunOptions,
  type RecogniserServer,
  type Recognition,
  type Reduction,
  type Region,
  type Runs,
  readI3dCheckpoint,
  readImageModel,
  readTensorFlowCheckpoint,
  readTextTower,
  readWeights,
  repeat,
  type Safetensors,
  type Scored,
  type ScoreOptions,
  type SentFlowOptions,
  type ServeOptions,
  type Shape,
  type ShiftAttributes,
  type ShippedTable,
  type SliceAttributes,
  type SolverKind,
  type Spent,
  type StateDict,
  type StoredModel,
  type Stream,
  type StreamSettings,
  type Struct,
  type SubgroupMatrices,
  type SubgroupMatrixConfig,
  type SubgroupMatrixDialect,
  type Surcharge,
  type SureOptions,
  sameShape,
  serveRecogniser,
  singleDispatch,
  sizeOf,
  softmax,
  specGeometry,
  specMinimum,
  storage,
  storedBytes,
  streamWork,
  struct,
  type TensorType,
  type TextTower,
  type TextWeights,
  TRAINING_INPUTS,
  TRAINING_OUTPUTS,
  type TrainingOptions,
  type Triple,
  type TuneOptions,
  type TuneProgress,
  type TuningRecord,
  type TuningStore,
  type TuningTable,
  type TuningTimes,
  Tvl1,
  type Tvl1Options,
  type Tvl1Settings,
  TwoStream,
  type TwoStreamClassifyOptions,
  type TwoStreamCompileProgress,
  type TwoStreamOptions,
  type TwoStreamProgress,
  type TwoStreamResult,
  type TwoStreamRunOptions,
  type TwoStreamWindow,
  type TypedArrayOf,
  texels,
  topK,
  trainingGraph,
  tune,
  type UnaryName,
  type Value,
  type ValueId,
  type ValueRef,
  type Verification,
  type View,
  Vocabulary,
  vec4Bytes,
  vec4s,
  verifyInflation,
  type WeightsOptions,
  type Window,
  type WindowRequest,
  type WindowRule,
  type Work,
  type WorkerCallOptions,
  type WorkerEnd,
  type WorkerModel,
  type WorkerModelSource,
  WorkerRecogniser,
  type Workgroups,
  windowRule,
  windows,
} from './index.ts';
// Video and files.
export {
  type Clip,
  type ClipFrame,
  type ClipKind,
  type ClipOptions,
  type FrameSource,
  requireFrames,
} from './io/clip.ts';
export { encodePng, type VideoFormat, writeVideo } from './io/encode.ts';
export { defaultTuningPath, fileTuning } from './io/tuning_file.ts';
export { decodeFrames, openClip, openFrames } from './io/video.ts';
export { loadWeights, saveSafetensors } from './io/weights.ts';
// Training and evaluation.
export type { ClipSource, LabelledClip, Split } from './train/data/clip.ts';
export { type ClipCache, type ClipCaches, type ClipCachesOptions, clipCaches } from './train/data/clip_cache.ts';
export { type ClipSet, type ClipSetOptions, type HoldOut, readClipSet } from './train/data/clip_set.ts';
export type { SkippedClip } from './train/data/prepare.ts';
export { type EvaluateModelsOptions, evaluateModels, type ModelsEvaluation } from './train/evaluate/evaluate_models.ts';
export type { ClassificationMetrics, Evaluation } from './train/evaluate/evaluation.ts';
export type { EvaluationLine, MetricsLine, StepLine } from './train/evaluate/metrics.ts';
export { parseConfig, readConfig, type TrainConfig, type TrainConfigInput } from './train/run/config.ts';
export type { EarlyEnd } from './train/run/cooling.ts';
export { encodeModelFile, type Models, readModelFile, readModels, saveModelFile } from './train/run/model_files.ts';
export { type RunOptions, type RunResult, runTraining } from './train/run/run.ts';
export type { PlannedStage } from './train/run/stages.ts';
export { type StepReport, TrainingDivergedError } from './train/run/step_runner.ts';
export type { RunObserver, StreamPlan } from './train/run/stream_run.ts';

export interface NodeGpuOptions extends GpuOptions {
  /** Dawn's own flags, such as `backend=vulkan`, `adapter=llvmpipe` or `enable-dawn-features=allow_unsafe_apis`. */
  readonly dawnFlags?: readonly string[];
  /** Use features that Dawn calls experimental, where the adapter has them: subgroup matrices. */
  readonly experimental?: boolean;
}

const OPTION_NAMES: readonly (keyof NodeGpuOptions)[] = [...GPU_OPTION_NAMES, 'dawnFlags', 'experimental'];

/**
 * Opens a device through Dawn. Call `dispose()` on it when done: the process then exits by itself. Whoever uses
 * queues or buffers of `device` by themselves holds on to that, too. Of software adapters Dawn writes two warnings about limits to
 * standard error, for which it has no switch; the command line leaves them out.
 * @throws InputError for an option that is not known; AdapterError when Dawn cannot be loaded or finds no adapter.
 */
export async function openGpu(options: NodeGpuOptions = {}): Promise<Gpu> {
  checkOptionNames('openGpu', options, OPTION_NAMES);
  if (options.dawnFlags !== undefined && !Array.isArray(options.dawnFlags)) {
    throw new InputError(`The option dawnFlags must be a list of texts, not ${describeValue(options.dawnFlags)}.`);
  }
  let dawn: typeof import('webgpu');
  try {
    dawn = await import('webgpu');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    const broken = `Dawn (npm package webgpu) cannot be loaded on this platform: ${reason}.`;
    throw new AdapterError(importFailure(cause, 'webgpu', 'A device in Node needs', broken), { cause });
  }
  const { dawnFlags: _, experimental: __, ...own } = options;
  let source: GPU | undefined;
  try {
    // One for each device: an instance does not see adapters and drivers that come later.
    source = dawn.create(flagsOf(options));
    held.add(source);
    const gpu = await Gpu.create(source, { whileWaiting: new Patience().during, ...own });
    collected.register(gpu.device, source);
    return gpu;
  } catch (error) {
    if (source) release(source);
    if (error instanceof I3dError) throw error;
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    const asked = options.dawnFlags?.length ? ` with ${options.dawnFlags.join(' ')}` : '';
    throw new AdapterError(`Dawn cannot open an adapter${asked}: ${reason}.`, { cause: error });
  }
}

/** What Dawn's `create` gave: it owns the instance, to which devices and whatever is under way on them only point. */
const held = new Set<GPU>();
/** Milliseconds after which nothing is under way any more on a device that nobody has. */
const AFTERLIFE = 60_000;

const release = (source: GPU): void => {
  setTimeout(() => held.delete(source), AFTERLIFE).unref();
};

/** Instances of devices that were collected: one that goes before them would be used in memory that is free, at some later event. */
const collected = new FinalizationRegistry(release);

function flagsOf({ dawnFlags = [], experimental = false }: NodeGpuOptions): string[] {
  // Quantised time stamps (65 µs) are a browser's protection against pages; here they would only blur profiles.
  const flags = ['disable-dawn-features=timestamp_quantization', ...dawnFlags];
  if (!experimental) return flags;
  // Of two flags with one name Dawn takes the last.
  const name = 'enable-dawn-features=';
  const enabled = dawnFlags.filter((flag) => flag.startsWith(name)).map((flag) => flag.slice(name.length));
  return [...flags, `${name}${[...enabled, 'allow_unsafe_apis'].join(',')}`];
}
