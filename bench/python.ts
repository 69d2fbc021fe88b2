/** @file Python contenders: which interpreter has the modules that one needs. */

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Contender, PEERS_FOLDER } from './contender.ts';

const interpreters = (): string[] =>
  [process.env.PYTHON ?? '', 'python3', '/usr/bin/python3', 'python'].filter(Boolean);

/** An interpreter that has `module`; the first that is there at all if none has, whose error then says so. */
function pythonWith(module: string): string {
  const imports = (python: string, what: string): boolean =>
    spawnSync(python, ['-c', `import importlib; importlib.import_module(${JSON.stringify(what)})`]).status === 0;
  return interpreters().find((python) => imports(python, module)) ?? 'python3';
}

export function pythonContender(name: string, module: string, script: string, ...args: readonly string[]): Contender {
  return { name, command: pythonWith(module), args: [join(PEERS_FOLDER, script), ...args] };
}

/** The interpreter whose PyTorch has a GPU; undefined where none has. Looking takes seconds, during which others may work. */
export async function pythonWithCuda(): Promise<string | undefined> {
  for (const python of interpreters()) {
    const child = spawn(python, ['-c', 'import numpy, torch; assert torch.cuda.is_available()'], { stdio: 'ignore' });
    const status = await new Promise((resolve) => child.on('error', resolve).on('close', resolve));
    if (status === 0) return python;
  }
  return undefined;
}

export function hasCuda(): boolean {
  return spawnSync(pythonWith('torch'), ['-c', 'import torch; assert torch.cuda.is_available()']).status === 0;
}
