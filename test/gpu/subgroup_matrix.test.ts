import { describe, expect, it } from 'vitest';
import {
  type Compiler,
  describeSubgroupMatrices,
  SUBGROUP_MATRIX,
  subgroupMatrixDialect,
} from '../../src/gpu/subgroup_matrix.ts';
import { onNull } from '../null_backend.ts';

/** A compiler that takes only shaders in which it finds `text`. */
function compilerOf(text: string): Compiler {
  const refused: boolean[] = [];
  return {
    pushErrorScope: () => undefined,
    popErrorScope: async () => (refused.pop() ? ({ message: 'no matching call' } as GPUError) : null),
    createShaderModule({ code }) {
      refused.push(!code.includes(text));
      return {} as GPUShaderModule;
    },
  };
}

/** Fields that are getters of a class, as those of Dawn's objects are. */
class Config {
  get componentType(): string {
    return 'f16';
  }
  get resultComponentType(): string {
    return 'f32';
  }
  get M(): number {
    return 8;
  }
  get N(): number {
    return 16;
  }
  get K(): number {
    return 32;
  }
}

describe('the dialect of subgroup matrices', () => {
  it.each([
    ['template', 'row_major'],
    ['boolean', 'false, 8u'],
    [undefined, 'something else'],
  ])('is %s where the compiler takes %s', async (dialect, text) => {
    expect(await subgroupMatrixDialect(compilerOf(text))).toBe(dialect);
  });

  it('is the newest of those that the compiler takes', async () => {
    expect(await subgroupMatrixDialect(compilerOf('subgroupMatrixLoad'))).toBe('template');
  });

  it('is found by Dawn, where experimental features are asked for', async ({ skip }) => {
    await onNull(skip, { experimental: true }, async ({ profile, device }) => {
      // The Null backend has the feature and no shapes.
      expect(profile.subgroupMatrix).toEqual({ dialect: 'template', configs: [] });
      const older: Compiler = {
        pushErrorScope: (filter) => device.pushErrorScope(filter),
        popErrorScope: () => device.popErrorScope(),
        createShaderModule: ({ code }) =>
          device.createShaderModule({ code: code.includes('row_major') ? 'not WGSL' : code }),
      };
      expect(await subgroupMatrixDialect(older)).toBe('boolean');
    });
  });

  it('is not looked for otherwise', async ({ skip }) => {
    await onNull(skip, {}, async ({ profile, device }) => {
      expect(profile.subgroupMatrix).toBeUndefined();
      expect(device.features.has(SUBGROUP_MATRIX)).toBe(false);
    });
    await onNull(skip, { experimental: true, withoutFeatures: [SUBGROUP_MATRIX] }, async ({ profile }) => {
      expect(profile.subgroupMatrix).toBeUndefined();
    });
  });

  it('is found beside other features that are switched on', async ({ skip }) => {
    const dawnFlags = ['enable-dawn-features=disable_symbol_renaming'];
    await onNull(skip, { experimental: true, dawnFlags }, async ({ profile }) => {
      expect(profile.subgroupMatrix?.dialect).toBe('template');
    });
  });
});

describe('the shapes of subgroup matrices', () => {
  it('are plain data', async () => {
    const info = { subgroupMatrixConfigs: [new Config()] } as unknown as GPUAdapterInfo;
    const device = { ...compilerOf('row_major'), features: new Set([SUBGROUP_MATRIX]) } as unknown as GPUDevice;
    expect(await describeSubgroupMatrices(info, device)).toStrictEqual({
      dialect: 'template',
      configs: [{ componentType: 'f16', resultComponentType: 'f32', M: 8, N: 16, K: 32 }],
    });
  });

  it('are none where no dialect is known', async () => {
    const device = { ...compilerOf('something else'), features: new Set([SUBGROUP_MATRIX]) } as unknown as GPUDevice;
    expect(await describeSubgroupMatrices({} as GPUAdapterInfo, device)).toBeUndefined();
  });
});
