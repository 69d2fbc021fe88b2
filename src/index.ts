/**
 * @file The public API, safe in a browser: nothing of Node is reachable from here. `i3d-webgpu/node` adds files, video and
 * Dawn.
 */

export * from './core/errors.ts';
export * from './core/half.ts';
export type { Accuracy, DeviceProfile, Kernel } from './core/kernel.ts';
export * from './core/tensor.ts';
export { Gpu, type GpuOptions } from './gpu/device.ts';
export * from './gpu/errors.ts';
export { type BufferRange, Program, type Step } from './gpu/program.ts';
export { GraphBuilder } from './graph/builder.ts';
export { type CompileOptions, compile } from './graph/compile.ts';
export type { Graph, Node, Value, ValueId } from './graph/graph.ts';
export { DeviceParameters } from './graph/parameters.ts';
export type { Plan, PlanMemory, PlanRow, ProfiledRow } from './graph/plan.ts';
export * from './i3d/architecture.ts';
export * from './i3d/checkpoint.ts';
export * from './i3d/model.ts';
export { decodeNpy, encodeNpy } from './io/npy.ts';
export { decodePyTorch } from './io/pytorch.ts';
export { decodeSafetensors, encodeSafetensors } from './io/safetensors.ts';
