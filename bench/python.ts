/** @file Python contenders: which interpreter has the modules that one needs. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Contender, PEERS_FOLDER } from './contender.ts';

let pythons: string[] | undefined;

/** An interpreter that has `module`; the first that is there at all if none has, whose error then says so. */
function pythonWith(module: string): string {
  const imports = (python: string, what: string): boolean =>
    spawnSync(python, ['-c', `import importlib; importlib.import_module(${JSON.stringify(what)})`]).status === 0;
  pythons ??= [process.env.PYTHON ?? '', 'python3', '/usr/bin/python3', 'python'].filter(Boolean);
  return pythons.find((python) => imports(python, module)) ?? 'python3';
}

export function pythonContender(name: string, module: string, script: string, ...args: readonly string[]): Contender {
  return { name, command: pythonWith(module), args: [join(PEERS_FOLDER, script), ...args] };
}

export function hasCuda(): boolean {
  return spawnSync(pythonWith('torch'), ['-c', 'import torch; assert torch.cuda.is_available()']).status === 0;
}
