/** @file A process of its own that works with the device: whatever a driver does to it, the supervisor lives on. */

import { spawn } from 'node:child_process';
import type { Labourer, Listener } from '../supervisor.ts';
import type { WorkerMessage } from '../work.ts';

export function startProcess(
  command: string,
  args: readonly string[],
  order: unknown,
  { message, crashed }: Listener,
): Labourer {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced' });
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000);
  });
  child.on('message', (value: WorkerMessage) => message(value));
  child.on('error', (error) => crashed(error.message));
  child.on('close', (code, killedBy) => {
    const last = errors.trim().split('\n').at(-1);
    crashed(`the process ended (${killedBy ?? code})${last ? `: ${last}` : ''}`);
  });
  child.send(order as object);
  return {
    end() {
      child.removeAllListeners();
      child.on('error', () => undefined);
      // Nothing less ends a process that waits for its driver.
      child.kill('SIGKILL');
    },
  };
}
