import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { estimateDispatch, fmaPeak, GPUS, issueCycles } from '../../bench/isa/estimate.ts';
import { parseShader } from '../../bench/isa/shader.ts';
import type { IsaRow } from '../../bench/isa.ts';
import { testFolder } from '../folder.ts';
import { program } from '../program.ts';
import { describeWithShared } from '../shared.ts';

/** A product: staging around a loop of four multiply-adds in three instructions, addresses that two branches skip. */
const PRODUCT = `Compute Shader
disasm:
BB0:
	v_mov_b32_e32 v1, 0                                         ; 7e020280
	s_mov_b64 s[0:1], exec                                      ; be80017e
BB1:
	s_cbranch_scc0 BB4                                          ; bfa10001
	buffer_load_b128 v[2:5], v1, s[8:11], 0 offen               ; e05c0000
	s_cbranch_execz BB3                                         ; bfa50001
	v_mul_lo_u32 v6, v6, v7                                     ; d72c0006
BB3:
	v_add_nc_u32_e32 v1, 16, v1                                 ; 4a020290
BB4:
	ds_store_b128 v8, v[2:5]                                    ; db7c0000
	s_barrier                                                   ; bfbd0000
BB5:
	ds_load_b128 v[12:15], v9                                   ; dbfc0000
	v_fma_f32 v20, v12, v13, v20                                ; d6130014
	v_dual_fmac_f32 v21, v12, v14 :: v_dual_fmac_f32 v22, v13, v15 ; c8000000
	v_fmac_f32_e32 v23, v12, v15                                ; 56000000
	s_cbranch_scc1 BB5                                          ; bfa2fffa
	s_cbranch_scc1 BB1                                          ; bfa2fff0
	buffer_store_b32 v20, v1, s[8:11], 0 offen                  ; e0680000
	s_endpgm                                                    ; bfb00000

*** SHADER STATS ***
SGPRs: 128
VGPRs: 24
Spilled SGPRs: 0
Spilled VGPRs: 2
LDS size: 1024
Scratch size: 16
Subgroups per SIMD: 16
Instructions: 18
Latency: 900
Inverse Throughput: 300
`;

describe('what RADV prints of a shader', () => {
  it('is read as statistics and as loops', () => {
    // Four multiply-adds, where a loop with fewer than sixteen is taken for none.
    const product = PRODUCT.replace(/(\tv_fmac_f32_e32.*\n)/, '$1'.repeat(13));
    const { statistics, hot, around, seldom, lanes } = parseShader(product);
    expect(statistics).toMatchObject({ vgprs: 24, spilledVgprs: 2, lds: 1024, scratch: 16, waves: 16, latency: 900 });
    expect(hot).toMatchObject({ vector: 15, fma: 16, fmaInstructions: 15, ldsReads: 1, ldsBytes: 16 });
    expect(around).toMatchObject({ vector: 2, fma: 0, ldsWrites: 1, memoryReads: 1, barriers: 1 });
    expect(seldom).toMatchObject({ vector: 1 });
    expect(lanes).toBe(64);
    expect(parseShader(PRODUCT).hot).toBeUndefined();
  });

  it('counts what matrix instructions do, and how long they take', () => {
    const wmma = '\tv_wmma_f32_16x16x16_f16 v[24:31], v[104:111], v[96:103], v[24:31] ; cc404018\n';
    const wide = parseShader(PRODUCT.replace(/(\tv_fmac_f32_e32.*\n)/, wmma));
    expect(wide.lanes).toBe(64);
    expect(wide.hot).toMatchObject({ vector: 3, matrix: 1, fma: 3 + 16 ** 3 / 64, fmaInstructions: 3 });
    expect(issueCycles(wide.hot!, 64)).toBe(2 * 2 + 32);
    const narrow = parseShader(
      PRODUCT.replace(/(\tv_fmac_f32_e32.*\n)/, wmma).replace('s_mov_b64 s[0:1], exec', 's_mov_b32 s0, exec_lo'),
    );
    expect(narrow.lanes).toBe(32);
    expect(narrow.hot).toMatchObject({ matrix: 1, fma: 3 + 16 ** 3 / 32 });
    expect(issueCycles(narrow.hot!, 32)).toBe(2 + 32);
  });

  it('counts bytes of the LDS in whole words', () => {
    const reads = ['ds_load_2addr_b32 v[2:3], v9', 'ds_load_u16_d16 v2, v9', 'ds_load_b64 v[2:3], v9'];
    const text = reads.map((read) => `\t${read} ; 0\n`).join('');
    expect(parseShader(PRODUCT.replace('disasm:\n', `disasm:\n${text}`)).whole.ldsBytes).toBe(32 + 8 + 4 + 8);
  });

  it('has to be there', () => {
    expect(() => parseShader('nothing')).toThrow('The driver says nothing of "VGPRs".');
  });

  it('bounds the time of a dispatch', () => {
    const shader = parseShader(PRODUCT.replace(/(\tv_fmac_f32_e32.*\n)/, '$1'.repeat(13)));
    const gpu = GPUS.navi31!;
    const work = { arithmetic: 'tiled', flops: 1e11, bytes: 1e6, workgroups: 9600, threads: 64 } as const;
    const { us, limit } = estimateDispatch(shader, 'product', work, gpu);
    // Never faster than the multiply-adds alone, of which this loop has more than one per instruction.
    expect(us * 1000).toBeGreaterThan((work.flops / fmaPeak(gpu)) * (15 / 16));
    expect(limit).toBe('latency');
    expect(estimateDispatch(shader, 'product', { ...work, bytes: 1e12 }, gpu).limit).toBe('memory');
    expect(estimateDispatch(shader, 'product', { ...work, workgroups: 12 }, gpu).limit).toBe('few workgroups');
  });
});

const DRIVER = ['/usr/share/vulkan/icd.d/radeon_icd.json', '/usr/share/vulkan/icd.d/radeon_icd.x86_64.json'];

describeWithShared('on GPUs of AMD that are not there', ['device/isa/isa'], (tool) => {
  const folder = testFolder('i3d-isa-test-');

  it.skipIf(!DRIVER.some((path) => existsSync(path)))('no default kernel spills registers', async () => {
    const json = join(folder, 'isa.json');
    const args = ['navi31', process.execPath, program('bench/main.js'), 'isa', '--family', 'navi31', '--json', json];
    await promisify(execFile)(tool, args);
    const rows = JSON.parse(await readFile(json, 'utf8')) as IsaRow[];
    expect(rows.length).toBeGreaterThan(30);
    expect(rows.filter(({ spilledVgprs, scratch }) => spilledVgprs > 0 || scratch > 0)).toEqual([]);
  });
});
