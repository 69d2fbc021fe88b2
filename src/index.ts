/** @file The public API, safe in a browser: nothing of Node is reachable from here. */

export * from './core/errors.ts';
export * from './core/kernel.ts';
export * from './core/tensor.ts';
export * from './gpu/device.ts';
export * from './gpu/errors.ts';
