/** @file Mean and covariance in a file: `.npz` with the names that pytorch-fid and its like use, or safetensors. */

import { readFile } from 'node:fs/promises';
import { InputError } from '../../core/errors.ts';
import { formatShape, type HostTensor } from '../../core/tensor.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import { decodeNpz, encodeNpz } from '../../io/npz.ts';
import { decodeSafetensors, encodeSafetensors } from '../../io/safetensors.ts';
import type { Statistics } from '../../recognition/fvd/moments.ts';

/** μ, Σ, and of how many videos. */
const NAMES = ['mu', 'sigma', 'n'] as const;

export const isStatisticsFile = (path: string): boolean => /\.(npz|safetensors)$/i.test(path);

/** @throws InputError when it cannot be written, or ends in neither `.npz` nor `.safetensors`. */
export async function writeStatistics(path: string, { count, mean, covariance }: Statistics): Promise<void> {
  const size = mean.length;
  const tensors: Record<(typeof NAMES)[number], HostTensor> = {
    mu: { dtype: 'f64', shape: [size], data: mean },
    sigma: { dtype: 'f64', shape: [size, size], data: covariance },
    n: { dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(count)) },
  };
  checkStatisticsName(path);
  const bytes = /\.npz$/i.test(path) ? encodeNpz(tensors) : encodeSafetensors(new Map(Object.entries(tensors)), {});
  await writeFileAtomic(path, bytes);
}

/** @throws InputError */
export function checkStatisticsName(path: string): void {
  if (!isStatisticsFile(path)) throw new InputError(`Statistics are saved as .npz or .safetensors, not as ${path}.`);
}

/** @throws InputError when it cannot be read, lacks `mu`, `sigma` or `n`, or they do not fit each other. */
export async function readStatistics(path: string): Promise<Statistics> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${path} cannot be read (${cause.code}).`, { cause });
  });
  const { mu, sigma, n } = /\.npz$/i.test(path) ? decodeNpz(bytes, path, NAMES) : ofSafetensors(bytes, path);
  const [size = 0] = mu.shape;
  if (mu.shape.length !== 1 || sigma.shape.length !== 2 || sigma.shape.some((extent) => extent !== size)) {
    throw new InputError(
      `${path}: mu is ${formatShape(mu.shape)} and sigma ${formatShape(sigma.shape)}; a mean of D values has a covariance of D×D.`,
    );
  }
  const numbers = ({ data }: HostTensor) => Float64Array.from(data as ArrayLike<number | bigint>, Number);
  return { count: numbers(n)[0] ?? 0, mean: numbers(mu), covariance: numbers(sigma) };
}

function ofSafetensors(bytes: Uint8Array, path: string): Record<(typeof NAMES)[number], HostTensor> {
  const { tensors } = decodeSafetensors(bytes, path);
  const missing = NAMES.find((name) => !tensors.has(name));
  if (missing !== undefined) throw new InputError(`${path} has no tensor ${missing}; it needs ${NAMES.join(', ')}.`);
  return Object.fromEntries(NAMES.map((name) => [name, tensors.get(name)!])) as Record<
    (typeof NAMES)[number],
    HostTensor
  >;
}
