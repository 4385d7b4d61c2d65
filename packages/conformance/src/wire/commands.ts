import * as adapter from './adapter-commands.ts';
import type { WireCommand } from './command.ts';
import * as memory from './memory-commands.ts';
import * as sync from './sync-commands.ts';

const isCommand = (value: unknown): value is WireCommand => typeof value === 'object' && value !== null;

/** Every command whose layout is known, by channel and code. */
export const wireCommands: readonly WireCommand[] = [
  ...Object.values(adapter),
  ...Object.values(memory),
  ...Object.values(sync),
].filter(isCommand);

/** Commands that have a number, but that no Linux guest sends (sections 4.1 and 4.2): NOT_SUPPORTED. */
export const NUMBERED_ONLY: Readonly<Record<'vgpu' | 'global', readonly number[]>> = {
  vgpu: [3, 27, 30, 31, 34, 35, 38, 40, 43, 44, 46, 47, 53, 54, 55, 63, 64, 65],
  global: [1006, 1007, 1008, 1009, 1011],
};

export function wireCommand(channel: 'vgpu' | 'global', code: number): WireCommand | undefined {
  return wireCommands.find((command) => command.channel === channel && command.code === code);
}
