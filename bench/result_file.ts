/**
 * @file The files of bench/results/, read: which kind one is, and that it has what that kind has. Whoever shows or compares results
 * reads them here, whether they were shipped, measured by a page or handed in.
 */

import * as v from 'valibot';
import { InputError } from '../src/core/errors.ts';
import { ACCURACIES } from '../src/core/kernel.ts';
import { flag, object, oneOf, parse, text } from '../src/core/schema.ts';
import { type PresetName, presets } from '../src/flow/options.ts';
import { STREAMS } from '../src/models/definition.ts';
import { type Session, STAGES } from './gpu/outcome.ts';

const number = v.pipe(v.number('must be a number'), v.finite('must be a finite number'));
/** JSON has no NaN, which stands for what was not measured. */
const measured = v.pipe(
  v.nullable(number),
  v.transform((value) => value ?? Number.NaN),
);
/** A property that may be left out. */
const maybe = v.exactOptional;
const accuracy = oneOf(ACCURACIES);
const origin = { adapter: text, date: v.pipe(text, v.isoTimestamp('must be a date and time in ISO 8601')) };

const memory = object({
  arena: number,
  lowerBound: number,
  parameters: number,
  states: number,
  staging: number,
  allocated: number,
});

const timedModel = {
  model: text,
  frames: number,
  size: number,
  accuracy,
  ms: number,
  bestMs: number,
  runs: number,
  gflops: number,
  convolutionGflops: measured,
  compileMs: number,
  firstMs: number,
  coldMs: maybe(number),
  dispatches: number,
  memory,
  kernel: maybe(text),
  ...origin,
};

const model = object({ ...timedModel, peakGflops: measured, peakShare: measured, convolutionShare: measured });

const peaks = {
  gflops: number,
  gflopsBy: text,
  gbs: number,
  gbsBy: text,
};

const kernelRow = {
  shape: text,
  op: text,
  count: number,
  candidate: text,
  rank: number,
  accuracy,
  ms: maybe(number),
  runs: maybe(number),
  gflops: maybe(number),
  peakShare: maybe(number),
  gbs: maybe(number),
  copyShare: maybe(number),
  error: measured,
  compileMs: measured,
  problem: maybe(text),
};

const furtherPeaks = {
  halfGflops: maybe(number),
  matrices: v.array(
    object({
      component: oneOf(['f32', 'f16']),
      M: number,
      N: number,
      K: number,
      gflops: number,
      problem: maybe(text),
    }),
  ),
};

const kernels = object({
  ...origin,
  stream: oneOf(STREAMS),
  frames: v.union([number, v.array(number)]),
  size: number,
  peaks: object({ ...peaks, halfGflops: maybe(number), matrices: maybe(furtherPeaks.matrices) }),
  choices: v.array(object({ choice: text, ms: number, gflops: number, peakShare: number })),
  rows: v.array(object({ ...kernelRow, frames: maybe(number) })),
});

/** What `contest.ts` says of an engine. */
const score = {
  engine: text,
  version: v.string(),
  ms: maybe(number),
  bestMs: maybe(number),
  firstMs: maybe(number),
  runs: maybe(number),
  ratio: maybe(number),
  error: maybe(measured),
  problem: maybe(text),
};

const peerResult = {
  ...score,
  task: text,
  ms: number,
  bestMs: number,
  runs: number,
  ratio: number,
  oursMs: number,
  error: number,
  frames: maybe(number),
  accuracy: maybe(accuracy),
};

const peer = object({
  ...score,
  task: text,
  gflops: maybe(number),
  oursMs: maybe(number),
  frames: maybe(number),
  accuracy: maybe(accuracy),
  ...origin,
});

const flow = object({
  preset: oneOf(Object.keys(presets) as PresetName[]),
  pairs: number,
  width: number,
  height: number,
  msPerPair: number,
  dispatches: number,
  gbps: number,
  copyGbps: measured,
  adapter: text,
});

const timedTraining = {
  ...origin,
  architecture: text,
  width: number,
  frames: number,
  size: number,
  batch: number,
  classes: number,
  recompute: flag,
  forwardMs: number,
  fastForwardMs: number,
  stepMs: number,
  ratio: number,
  gflops: number,
  dispatches: number,
  memory,
};

const training = object({ ...timedTraining, peers: maybe(v.array(object(score))) });

/** Machine code of a kernel on a GPU that need not be there. */
const isa = object({
  kernel: text,
  candidates: v.array(v.string()),
  family: text,
  vgprs: number,
  spilledVgprs: number,
  scratch: number,
  lds: number,
  waves: number,
  lanes: number,
  instructions: number,
  fmaShare: v.nullable(number),
  ldsPerFma: v.nullable(number),
  memoryPerFma: v.nullable(number),
  vectorPer16: v.nullable(number),
  cycles: number,
  limit: v.nullable(text),
  dispatches: number,
  layers: maybe(v.array(v.looseObject({ where: text, node: text, us: number }))),
});

/** One fold of a cross-validation; accuracies from 0 to 1. */
const fold = object({
  ...origin,
  data: text,
  from: text,
  fold: number,
  groups: v.array(text),
  seed: number,
  train: number,
  test: number,
  seconds: number,
  rgb: number,
  flow: number,
  fused: number,
  confusion: v.array(v.array(number)),
});

const profile = v.looseObject({
  vendor: v.string(),
  architecture: v.string(),
  description: v.string(),
  software: flag,
  subgroups: flag,
  subgroupMinSize: number,
  subgroupMaxSize: number,
  shaderF16: flag,
  texels: flag,
  timestamps: flag,
  maxWorkgroupStorage: number,
  maxInvocationsPerWorkgroup: number,
  maxWorkgroupsPerDimension: number,
  maxStorageBinding: number,
  maxBufferSize: number,
  bindingAlignment: number,
});

const facts = object({
  info: object({ vendor: v.string(), architecture: v.string(), device: v.string(), description: v.string() }),
  features: v.array(text),
  language: v.array(text),
  limits: v.record(text, number),
  profile,
});

const layer = object({
  node: text,
  op: text,
  kernel: text,
  ms: number,
  flops: number,
  bytes: number,
  workgroups: v.array(v.array(number)),
  shapes: v.array(v.array(number)),
});

const candidate = object({
  ...kernelRow,
  frames: number,
  problemKey: text,
  classes: v.array(accuracy),
  round: number,
});

/** What each stage finds; a stage that is added without its shape does not compile. */
const VALUES = {
  facts,
  peaks: object({ ...peaks, ...furtherPeaks }),
  defaults: candidate,
  models: object({ record: object(timedModel), layers: v.array(layer) }),
  peers: object(peerResult),
  flow,
  training: object(timedTraining),
  candidates: candidate,
  timings: candidate,
} as const satisfies Readonly<Record<(typeof STAGES)[number], v.GenericSchema>>;

const outcome = v.variant(
  'stage',
  STAGES.map((stage) =>
    object({
      stage: v.literal(stage),
      id: text,
      title: text,
      seconds: number,
      value: maybe(VALUES[stage]),
      problem: maybe(text),
    }),
  ),
);

const session = object({
  ...origin,
  minutes: number,
  wanted: v.array(oneOf(STAGES)),
  network: maybe(object({ architecture: text, width: number })),
  size: maybe(number),
  ended: maybe(text),
  stages: v.array(
    object({
      stage: oneOf(STAGES),
      how: oneOf(['done', 'cut short', 'left out', 'failed']),
      because: maybe(text),
      seconds: number,
    }),
  ),
  outcomes: v.array(outcome),
});

/** By kind: the schema, and a property that only this kind's records have. */
const KINDS = {
  session: { schema: session, mark: 'outcomes' },
  kernels: { schema: kernels, mark: 'rows' },
  model: { schema: v.array(model), mark: 'convolutionGflops' },
  peers: { schema: v.array(peer), mark: 'engine' },
  flow: { schema: v.array(flow), mark: 'preset' },
  train: { schema: v.array(training), mark: 'stepMs' },
  isa: { schema: v.array(isa), mark: 'vgprs' },
  folds: { schema: v.array(fold), mark: 'confusion' },
} as const;

type Kinds = typeof KINDS;
type Kind = keyof Kinds;

/** A file's records with their kind; what was not measured is NaN. */
export type ResultFile = {
  [K in Kind]: {
    readonly kind: K;
    readonly records: K extends 'session' ? Session : v.InferOutput<Kinds[K]['schema']>;
  };
}[Kind];

export type RecordsOf<K extends Kind> = Extract<ResultFile, { readonly kind: K }>['records'];

/**
 * @param value What JSON.parse made of the file.
 * @param source Names it in messages.
 * @throws InputError when it is no file of results, or one with something missing, too much, or wrong.
 */
export function readResults(value: unknown, source: string): ResultFile {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  const isObject = typeof first === 'object' && first !== null;
  const kind = (Object.keys(KINDS) as Kind[]).find((name) => isObject && KINDS[name].mark in first);
  if (!kind) {
    throw new InputError(`${source} is no file of results: those are what the bench writes, such as bench/results/.`);
  }
  return { kind, records: parse(KINDS[kind].schema, value, source, 'the results') } as ResultFile;
}
