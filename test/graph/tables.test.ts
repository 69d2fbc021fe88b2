import { describe, expect, it } from 'vitest';
import type { Accuracy, DeviceProfile } from '../../src/core/kernel.ts';
import type { ShippedTable } from '../../src/core/tuning.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import {
  allowedCandidates,
  type ChoiceNode,
  chooseCandidate,
  nodesToRun,
  tableKey,
  tuningKey,
} from '../../src/graph/choose.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { inferencePasses } from '../../src/graph/passes/index.ts';
import { assignStorage } from '../../src/graph/storage.ts';
import { SHIPPED_TABLES } from '../../src/graph/tables/index.ts';
import { i3dGraph } from '../../src/i3d/i3d.ts';
import { MADE_UP_GPU } from '../made_up_device.ts';

const PROCESSOR: DeviceProfile = {
  ...MADE_UP_GPU,
  architecture: 'slow',
  software: true,
  subgroupMinSize: 8,
  subgroupMaxSize: 8,
  shaderF16: true,
};

async function entriesOf(
  graph: Graph,
  profile: DeviceProfile,
  outputs = [...graph.names.keys()],
): Promise<ChoiceNode[]> {
  const prepared = await inferencePasses(graph, { outputs });
  const entries: ChoiceNode[] = [];
  for await (const entry of nodesToRun(prepared, assignStorage(prepared), profile)) entries.push(entry);
  return entries;
}

describe('a table for a kind of adapter', async () => {
  const builder = new GraphBuilder();
  const x = builder.input('x', [1, 2, 5, 5, 8]);
  builder.name('y', builder.conv3d('conv', x, builder.parameter('w', [1, 1, 1, 8, 12])));
  const [entry] = await entriesOf(builder.build(), PROCESSOR);
  const table = (choice: string, adapter: Partial<ShippedTable['adapter']> = {}): ShippedTable => ({
    adapter: { vendor: 'made up', architecture: 'slow', subgroupMaxSize: 8, ...adapter },
    measured: 'never',
    choices: { exact: { [tableKey(entry!)]: choice } },
  });
  const chosen = (tables: readonly ShippedTable[], more: Parameters<typeof chooseCandidate>[2] = {}) =>
    chooseCandidate(entry!, PROCESSOR, { accuracy: 'exact', tables, ...more }).candidate.name;

  it('is stronger than the best guess and weaker than what was measured on the device, or forced', () => {
    const guess = allowedCandidates(entry!, 'exact')[0]!.name;
    expect(chosen([])).toBe(guess);
    expect(guess).not.toBe('direct');
    expect(chosen([table('direct')])).toBe('direct');
    const key = tuningKey(entry!, allowedCandidates(entry!, 'exact'), PROCESSOR);
    const tuning = { [key]: { candidate: 'register 4×8', ms: 1 } };
    expect(chosen([table('direct')], { tuning })).toBe('register 4×8');
    expect(chosen([table('direct')], { tuning, kernel: 'narrow 4' })).toBe('narrow 4×3');
  });

  it('says nothing of other adapters, classes, problems and kernels', () => {
    const guess = chosen([]);
    for (const other of [{ vendor: 'another' }, { architecture: '' }, { subgroupMaxSize: 4 }]) {
      expect(chosen([table('direct', other)])).toBe(guess);
    }
    expect(chosen([table('no such kernel')])).toBe(guess);
    expect(chosen([{ ...table(''), choices: { exact: { 'conv3d of something else': 'direct' } } }])).toBe(guess);
    expect(chosen([table('direct')], { accuracy: 'fast' })).not.toBe('direct');
  });
});

describe('the tables that come along', () => {
  it('are one for each kind of adapter', () => {
    const kinds = SHIPPED_TABLES.map(({ adapter }) => JSON.stringify(adapter));
    expect(new Set(kinds).size).toBe(kinds.length);
  });

  it.each(SHIPPED_TABLES.map((table) => ({ of: table.measured, table })))(
    '$of: name problems of I3D and kernels that are offered for them, other than the best guess',
    async ({ table: { adapter, choices } }) => {
      const profile = { ...PROCESSOR, ...adapter, subgroupMinSize: adapter.subgroupMaxSize };
      const graphs = [16, 64].flatMap((frames) =>
        [3, 2].map((channels) => i3dGraph({ frames, height: 224, width: 224, channels, classes: 400 })),
      );
      const entries = await Promise.all(graphs.map((graph) => entriesOf(graph, profile, ['logits'])));
      const byProblem = new Map(entries.flat().map((entry) => [tableKey(entry), entry]));
      for (const [accuracy, of] of Object.entries(choices) as [Accuracy, Record<string, string>][]) {
        for (const [problem, candidate] of Object.entries(of)) {
          const names = allowedCandidates(byProblem.get(problem)!, accuracy).map(({ name }) => name);
          expect(names.indexOf(candidate), `${problem}: ${candidate}`).toBeGreaterThan(0);
        }
      }
    },
  );
});
