/** @file Mean and covariance in a file: `.npz` with the names that pytorch-fid and its like use, or safetensors. */

import { readFile } from 'node:fs/promises';
import { InputError } from '../../core/errors.ts';
import { toFloat64 } from '../../core/half.ts';
import { formatShape, type HostTensor, sameShape } from '../../core/tensor.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import { decodeNpyText } from '../../io/npy-text.ts';
import { decodeNpz, encodeNpz } from '../../io/npz.ts';
import { decodeSafetensors, encodeSafetensors } from '../../io/safetensors.ts';
import { Zip } from '../../io/zip.ts';
import type { Statistics } from '../../recognition/fvd/moments.ts';

/** μ and Σ; beside them `n`, of how many videos, and `made`, how the features were made. */
const NAMES = ['mu', 'sigma'] as const;
const COUNT = 'n';
const MADE = 'made';

interface StoredStatistics {
  readonly statistics: Statistics;
  /** How the features were made, where the file says so. */
  readonly made: string | undefined;
}

/** Numbers of few digits differ by so much from what they should be: of what two variances allow, and of the largest variance. */
const SLACK = 1e-2;
const LEAST_SLACK = 1e-6;

export const isStatisticsFile = (path: string): boolean => /\.(npz|safetensors)$/i.test(path);

/** @throws InputError when it cannot be written, or ends in neither `.npz` nor `.safetensors`. */
export async function writeStatistics(path: string, { statistics, made }: StoredStatistics): Promise<void> {
  const { count, mean, covariance } = statistics;
  const size = mean.length;
  const tensors: Record<string, HostTensor> = {
    mu: { dtype: 'f64', shape: [size], data: mean },
    sigma: { dtype: 'f64', shape: [size, size], data: covariance },
    ...(count !== undefined && {
      [COUNT]: { dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(count)) } as const,
    }),
  };
  checkStatisticsName(path);
  const text = made === undefined ? {} : { [MADE]: made };
  const bytes = /\.npz$/i.test(path)
    ? encodeNpz({ ...tensors, ...text })
    : encodeSafetensors(new Map(Object.entries(tensors)), text);
  await writeFileAtomic(path, bytes);
}

/** @throws InputError */
export function checkStatisticsName(path: string): void {
  if (!isStatisticsFile(path)) throw new InputError(`Statistics are saved as .npz or .safetensors, not as ${path}.`);
}

/** @throws InputError when it cannot be read, lacks `mu` or `sigma`, or they are no mean and covariance. */
export async function readStatistics(path: string): Promise<StoredStatistics> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${path} cannot be read (${cause.code}).`, { cause });
  });
  const { mu, sigma, n, made } = /\.npz$/i.test(path) ? ofNpz(bytes, path) : ofSafetensors(bytes, path);
  const [size = 0] = mu.shape;
  if (mu.shape.length !== 1 || size === 0 || !sameShape(sigma.shape, [size, size])) {
    throw new InputError(
      `${path}: mu is ${formatShape(mu.shape)} and sigma ${formatShape(sigma.shape)}; a mean of D values has a covariance of D×D.`,
    );
  }
  const [mean, covariance] = [toFloat64(mu), toFloat64(sigma)];
  checkCovariance(mean, covariance, path);
  const count = n && toFloat64(n)[0];
  if (n && !(Number.isInteger(count) && count! >= 2)) {
    throw new InputError(`${path}: n is ${count}; a covariance is of two videos or more.`);
  }
  return { statistics: { count, mean, covariance }, made };
}

/** @throws InputError for what is no covariance: the distance would be a number that means nothing. */
function checkCovariance(mean: Float64Array, covariance: Float64Array, path: string): void {
  const size = mean.length;
  const wrong = [...mean, ...covariance].find((value) => !Number.isFinite(value));
  if (wrong !== undefined) throw new InputError(`${path} holds ${wrong}, which is no finite number.`);
  const at = (i: number, j: number): number => covariance[i * size + j]!;
  let largest = 0;
  for (let i = 0; i < size; i++) largest = Math.max(largest, at(i, i));
  for (let i = 0; i < size; i++) {
    if (at(i, i) < 0)
      throw new InputError(`${path}: sigma has a negative variance, ${at(i, i)} in row ${i}; it is no covariance.`);
    for (let j = 0; j < i; j++) {
      const bound = Math.sqrt(at(i, i) * at(j, j));
      const slack = SLACK * bound + LEAST_SLACK * largest;
      const apart = Math.abs(at(i, j) - at(j, i)) > slack;
      if (!apart && Math.abs(at(i, j)) <= bound + slack) continue;
      const reason = apart ? 'is not symmetric' : 'is larger than its variances allow';
      throw new InputError(`${path}: sigma ${reason} in row ${i}, column ${j}; it is no covariance.`);
    }
  }
}

interface Read extends Record<(typeof NAMES)[number], HostTensor> {
  readonly n?: HostTensor | undefined;
  readonly made?: string | undefined;
}

function ofNpz(bytes: Uint8Array, path: string): Read {
  const zip = new Zip(bytes, path);
  const has = (name: string) => zip.has(`${name}.npy`);
  const count = has(COUNT) ? { n: decodeNpz(bytes, path, ['n']).n } : {};
  const made = has(MADE) ? decodeNpyText(zip.read(`${MADE}.npy`), `${path}, ${MADE}`)[0] : undefined;
  return { ...decodeNpz(bytes, path, NAMES), ...count, made };
}

function ofSafetensors(bytes: Uint8Array, path: string): Read {
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const missing = NAMES.find((name) => !tensors.has(name));
  if (missing !== undefined) throw new InputError(`${path} has no tensor ${missing}; it needs ${NAMES.join(', ')}.`);
  return { mu: tensors.get('mu')!, sigma: tensors.get('sigma')!, n: tensors.get(COUNT), made: metadata[MADE] };
}
