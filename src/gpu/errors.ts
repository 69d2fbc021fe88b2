/** @file What can go wrong with a device, as types that callers can tell apart. */

import { I3dError } from '../core/errors.ts';

/** No adapter, or one without what the engine needs. */
export class AdapterError extends I3dError {
  override name = 'AdapterError';
  readonly code = 'no-adapter';
}

/** The device refused a command: a bug in the engine or a limit that was not respected. */
export class GpuValidationError extends I3dError {
  override name = 'GpuValidationError';
  readonly code = 'gpu-validation';
}

/** The device has no memory left for a buffer. */
export class GpuOutOfMemoryError extends I3dError {
  override name = 'GpuOutOfMemoryError';
  readonly code = 'gpu-out-of-memory';
}

/** The device is gone (driver reset, unplugged, destroyed): nothing on it can be used any more. */
export class DeviceLostError extends I3dError {
  override name = 'DeviceLostError';
  readonly code = 'device-lost';
  constructor(
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

/** Something was used after `dispose()` was called on it, or on its device. */
export class DisposedError extends I3dError {
  override name = 'DisposedError';
  readonly code = 'disposed';
}

/** A shader that does not compile. `message` holds the compiler's lines and the numbered source around each. */
export class KernelCompileError extends I3dError {
  override name = 'KernelCompileError';
  readonly code = 'kernel-compile';
  constructor(
    readonly kernel: string,
    readonly wgsl: string,
    diagnostics: readonly string[],
  ) {
    super(`Kernel ${kernel} does not compile:\n${diagnostics.join('\n')}\n${numbered(wgsl)}`);
  }
}

function numbered(source: string): string {
  const lines = source.split('\n');
  const width = String(lines.length).length;
  return lines.map((line, i) => `${String(i + 1).padStart(width)} | ${line}`).join('\n');
}
