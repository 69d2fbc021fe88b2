/** @file The public API for Node: everything of `i3d-webgpu`, Dawn as the adapter source, files and video. */

import { checkOptionNames, describeValue } from './core/check.ts';
import { I3dError, InputError } from './core/errors.ts';
import { GPU_OPTION_NAMES, Gpu, type GpuOptions } from './gpu/device.ts';
import { AdapterError } from './gpu/errors.ts';
import { Patience } from './gpu/patience.ts';

export * from './index.ts';
export { encodePng, type VideoFormat, writeVideo } from './io/encode.ts';
export { defaultTuningPath, fileTuning } from './io/tuning_file.ts';
export {
  type Clip,
  type ClipFrame,
  type ClipKind,
  type ClipOptions,
  decodeFrames,
  openClip,
  openFrames,
  requireFrames,
} from './io/video.ts';
export { loadWeights, saveSafetensors } from './io/weights.ts';
export { type ClipCaches, type ClipCachesOptions, clipCaches } from './train/data/clip_caches.ts';
export { type ClipSet, type ClipSetOptions, readClipSet } from './train/data/clip_set.ts';
export { type EvaluateModelsOptions, evaluateModels, type ModelsEvaluation } from './train/evaluate/evaluate_models.ts';
export type { Accuracy, Evaluation } from './train/evaluate/evaluation.ts';
export { parseConfig, readConfig, type TrainConfig, type TrainConfigInput } from './train/run/config.ts';
export { encodeModelFile, type Models, readModelFile, readModels, saveModelFile } from './train/run/model_files.ts';
export { type RunOptions, type RunResult, runTraining } from './train/run/run.ts';
export type { RunObserver, StreamPlan } from './train/run/stream_run.ts';

export interface NodeGpuOptions extends GpuOptions {
  /** Dawn's own flags, such as `backend=vulkan`, `adapter=llvmpipe` or `enable-dawn-features=allow_unsafe_apis`. */
  readonly dawnFlags?: readonly string[];
  /** Use features that Dawn calls experimental, where the adapter has them: subgroup matrices. */
  readonly experimental?: boolean;
}

const OPTION_NAMES: readonly (keyof NodeGpuOptions)[] = [...GPU_OPTION_NAMES, 'dawnFlags', 'experimental'];

/**
 * Opens a device through Dawn. Call `dispose()` on it when done: the process then exits by itself. Of software adapters Dawn writes
 * two warnings about limits to standard error, for which it has no switch; the command line leaves them out.
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
    throw new AdapterError(`Dawn (npm package webgpu) cannot be loaded on this platform: ${reason}.`);
  }
  const { dawnFlags: _, experimental: __, ...own } = options;
  try {
    return await Gpu.create(dawn.create(flagsOf(options)), { whileWaiting: new Patience().during, ...own });
  } catch (error) {
    if (error instanceof I3dError) throw error;
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    const asked = options.dawnFlags?.length ? ` with ${options.dawnFlags.join(' ')}` : '';
    throw new AdapterError(`Dawn cannot open an adapter${asked}: ${reason}.`, { cause: error });
  }
}

function flagsOf({ dawnFlags = [], experimental = false }: NodeGpuOptions): string[] {
  // Quantised time stamps (65 µs) are a browser's protection against pages; here they would only blur profiles.
  const flags = ['disable-dawn-features=timestamp_quantization', ...dawnFlags];
  if (!experimental) return flags;
  // Of two flags with one name Dawn takes the last.
  const name = 'enable-dawn-features=';
  const enabled = dawnFlags.filter((flag) => flag.startsWith(name)).map((flag) => flag.slice(name.length));
  return [...flags, `${name}${[...enabled, 'allow_unsafe_apis'].join(',')}`];
}
