/**
 * @file Reads what Mesa's RADV says of a compute shader on standard error with `RADV_DEBUG=shaderstats,asm`: registers, occupancy, the
 * machine code of RDNA, and in it the loop that does the work.
 */

/** Of one shader; registers per thread, memory in bytes. */
export interface ShaderStatistics {
  readonly vgprs: number;
  readonly sgprs: number;
  readonly spilledVgprs: number;
  readonly spilledSgprs: number;
  /** Workgroup memory as the driver allots it. */
  readonly lds: number;
  /** Memory of a thread's own outside of registers, of arrays that are indexed at run time. */
  readonly scratch: number;
  /** Waves that the registers and the LDS leave room for on one SIMD, those of 64 lanes counted twice. */
  readonly waves: number;
  readonly instructions: number;
  /** Cycles from a wave's first instruction to its last, by the compiler's model, which guesses how often loops run. */
  readonly latency: number;
  /** Cycles of a SIMD that a wave costs where there are others beside it, by the same model. */
  readonly inverseThroughput: number;
}

/** Instructions of a run of machine code, for one thread. */
export interface InstructionMix {
  /** Issued to the vector unit; two at once (VOPD) count as one. */
  readonly vector: number;
  /** Those of them that multiply matrices, which takes many cycles. */
  readonly matrix: number;
  /** Multiply-adds: two for packed and dual ones, those of a matrix instruction divided among the threads. */
  readonly fma: number;
  /** Vector instructions that have them. */
  readonly fmaInstructions: number;
  readonly ldsReads: number;
  readonly ldsWrites: number;
  /** Bytes that the LDS hands out or takes in. */
  readonly ldsBytes: number;
  readonly memoryReads: number;
  readonly memoryWrites: number;
  readonly memoryBytes: number;
  readonly scalar: number;
  readonly barriers: number;
}

export interface Shader {
  readonly statistics: ShaderStatistics;
  readonly whole: InstructionMix;
  /** The innermost loop with the most multiply-adds; undefined where no loop has any. */
  readonly hot: InstructionMix | undefined;
  /** The loop around it without the hot loop itself: staging. Undefined where nothing is around. */
  readonly around: InstructionMix | undefined;
  /**
   * The part of `around`, or of `hot` where nothing is around it, that is skipped where no lane wants it: addresses that seldom
   * change.
   */
  readonly seldom: InstructionMix | undefined;
  /** Threads of a wave, 32 or 64. */
  readonly lanes: 32 | 64;
}

const FIELDS: Readonly<Record<keyof ShaderStatistics, string>> = {
  vgprs: 'VGPRs',
  sgprs: 'SGPRs',
  spilledVgprs: 'Spilled VGPRs',
  spilledSgprs: 'Spilled SGPRs',
  lds: 'LDS size',
  scratch: 'Scratch size',
  waves: 'Subgroups per SIMD',
  instructions: 'Instructions',
  latency: 'Latency',
  inverseThroughput: 'Inverse Throughput',
};

/** @throws Error where the text has no statistics: another driver, or another version of it. */
export function parseShader(text: string): Shader {
  const statistics = Object.fromEntries(
    Object.entries(FIELDS).map(([key, label]) => {
      const value = text.match(new RegExp(`^${label}: (\\d+)$`, 'm'))?.[1];
      if (value === undefined) throw new Error(`The driver says nothing of "${label}".`);
      return [key, Number(value)];
    }),
  ) as unknown as ShaderStatistics;
  const code = readCode(text);
  const loops = loopsOf(code);
  const lanes = lanesOf(text);
  const mix = (part: readonly Instruction[]): InstructionMix => mixOf(part, lanes);
  const hot = hottest(loops, ({ from, to }) => mix(code.slice(from, to)).fma);
  /** Not a way around the products themselves, which only some waves take. */
  const idle = ({ from, to }: Loop): boolean => mix(code.slice(from, to)).fma === 0;
  const outer = hot && tightest(loops.filter((loop) => contains(loop, hot) && loop !== hot));
  const around = outer && indices(outer).filter((i) => !within(hot, i));
  const stage = outer ?? hot;
  const skips = stage ? skipsOf(code).filter((skip) => contains(stage, skip) && skip.to < stage.to && idle(skip)) : [];
  const seldom = (around ?? (hot && indices(hot)))?.filter((i) => skips.some((skip) => within(skip, i)));
  const pick = (list: readonly number[]): InstructionMix => mix(list.map((i) => code[i]!));
  return {
    statistics,
    whole: mix(code),
    hot: hot && pick(indices(hot)),
    around: around && pick(around),
    seldom: seldom && pick(seldom),
    lanes,
  };
}

/** Waves of 64 mask lanes by whole registers, those of 32 by `vcc_lo` and `exec_lo`. */
const lanesOf = (text: string): 32 | 64 => (/\b(vcc|exec)\b/.test(text) ? 64 : 32);

interface Instruction {
  readonly name: string;
  readonly operands: string;
  /** Labels that stand before it. */
  readonly labels: readonly string[];
}

function readCode(text: string): Instruction[] {
  const code: Instruction[] = [];
  let labels: string[] = [];
  const disassembly = text.slice(text.indexOf('disasm:'));
  for (const line of disassembly.split('\n')) {
    const label = line.match(/^(BB\d+):/)?.[1];
    if (label) labels.push(label);
    const [, name, operands] = line.match(/^\t([a-z]\w*)\s*([^;]*);/) ?? [];
    if (name === undefined) continue;
    code.push({ name, operands: operands!.trim(), labels });
    labels = [];
  }
  return code;
}

/** Instructions from `from` up to, but without, `to`. */
interface Loop {
  readonly from: number;
  readonly to: number;
}

/** Branches, from where they are to where they lead. */
function branchesOf(code: readonly Instruction[]): { readonly at: number; readonly target: number }[] {
  const at = new Map(code.flatMap(({ labels }, i) => labels.map((label) => [label, i] as const)));
  return code.flatMap(({ name, operands }, i) => {
    const target = /^s_c?branch/.test(name) ? at.get(operands.split(' ')[0]!) : undefined;
    return target === undefined ? [] : [{ at: i, target }];
  });
}

/** One for each label that is jumped back to. */
function loopsOf(code: readonly Instruction[]): Loop[] {
  const ends = new Map<number, number>();
  for (const { at, target } of branchesOf(code)) {
    if (target <= at) ends.set(target, Math.max(ends.get(target) ?? 0, at + 1));
  }
  return [...ends].map(([from, to]) => ({ from, to }));
}

/** What is skipped where all lanes agree to, which the code tests lane by lane. */
const skipsOf = (code: readonly Instruction[]): Loop[] =>
  branchesOf(code).flatMap(({ at, target }) =>
    target > at + 1 && code[at]!.name === 's_cbranch_execz' ? [{ from: at + 1, to: target }] : [],
  );

const indices = ({ from, to }: Loop): number[] => Array.from({ length: to - from }, (_, i) => from + i);

const contains = (outer: Loop, inner: Loop): boolean => outer.from <= inner.from && inner.to <= outer.to;
const within = ({ from, to }: Loop, at: number): boolean => from <= at && at < to;
const tightest = (loops: readonly Loop[]): Loop | undefined =>
  [...loops].sort((a, b) => a.to - a.from - (b.to - b.from))[0];

/** A loop with fewer is no product. */
const FEW_FMAS = 16;

/** Of the loops without a product inside, the one with the largest. */
function hottest(loops: readonly Loop[], fmas: (loop: Loop) => number): Loop | undefined {
  const products = loops.map((loop) => ({ loop, fma: fmas(loop) })).filter(({ fma }) => fma >= FEW_FMAS);
  const innermost = products.filter(
    ({ loop }) => !products.some((other) => other.loop !== loop && contains(loop, other.loop)),
  );
  return innermost.sort((a, b) => b.fma - a.fma)[0]?.loop;
}

const ZERO: InstructionMix = {
  vector: 0,
  matrix: 0,
  fma: 0,
  fmaInstructions: 0,
  ldsReads: 0,
  ldsWrites: 0,
  ldsBytes: 0,
  memoryReads: 0,
  memoryWrites: 0,
  memoryBytes: 0,
  scalar: 0,
  barriers: 0,
};

function mixOf(code: readonly Instruction[], lanes: number): InstructionMix {
  const mix: Record<keyof InstructionMix, number> = { ...ZERO };
  for (const { name, operands } of code) {
    const bytes = bytesOf(name);
    if (/^s_barrier/.test(name)) mix.barriers++;
    else if (/^v_/.test(name)) {
      const fma = fmasOf(name, operands, lanes);
      mix.vector++;
      if (isMatrix(name)) mix.matrix++;
      mix.fma += fma;
      if (fma > 0) mix.fmaInstructions++;
    } else if (/^ds_(load|read)/.test(name)) {
      mix.ldsReads++;
      mix.ldsBytes += Math.max(bytes, LDS_WORD);
    } else if (/^ds_(store|write)/.test(name)) {
      mix.ldsWrites++;
      mix.ldsBytes += Math.max(bytes, LDS_WORD);
    } else if (/^(buffer|global|flat|scratch)_load|^image_(load|sample)/.test(name)) {
      mix.memoryReads++;
      mix.memoryBytes += name.startsWith('image') ? 16 : bytes;
    } else if (/^(buffer|global|flat|scratch)_store|^image_store/.test(name)) {
      mix.memoryWrites++;
      mix.memoryBytes += name.startsWith('image') ? 16 : bytes;
    } else if (/^s_/.test(name)) mix.scalar++;
  }
  return mix;
}

/** The LDS hands out words: what is narrower costs as much. */
const LDS_WORD = 4;

/** A matrix instruction multiplies 16×16×16 for all threads of a wave, be they 32 or 64. */
const MATRIX_FMAS = 16 ** 3;

const isMatrix = (name: string): boolean => /^v_s?wmma/.test(name);

function fmasOf(name: string, operands: string, lanes: number): number {
  if (isMatrix(name)) return MATRIX_FMAS / lanes;
  if (/^v_pk_fma/.test(name) || /^v_dot2/.test(name)) return 2;
  // The second half of a dual instruction stands among the operands.
  const halves = name.startsWith('v_dual_') ? [name, operands.split('::')[1] ?? ''] : [name];
  return halves.filter((half) => /v_(dual_)?(fma|fmac|fmaak|fmamk|mad_f32|mac)(_|k_|$)/.test(half)).length;
}

/** Of a load or store, by the end of its name. */
function bytesOf(name: string): number {
  const bits = name.match(/_b(\d+)/)?.[1];
  if (bits) return (Number(bits) / 8) * (name.includes('2addr') ? 2 : 1);
  const words = name.match(/dword(?:x(\d))?/);
  if (words) return 4 * Number(words[1] ?? 1);
  return /_(u|i)?(8|16)/.test(name) ? 2 : 4;
}
