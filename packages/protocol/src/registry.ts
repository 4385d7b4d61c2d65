import * as adapter from './commands/adapter.ts';
import * as allocation from './commands/allocation.ts';
import * as context from './commands/context.ts';
import * as device from './commands/device.ts';
import * as gpuVirtualAddress from './commands/gpu-virtual-address.ts';
import * as hostEvents from './commands/host-events.ts';
import * as process from './commands/process.ts';
import * as residency from './commands/residency.ts';
import * as sharing from './commands/sharing.ts';
import * as submission from './commands/submission.ts';
import * as sync from './commands/sync.ts';
import type { CommandChannel, CommandDef } from './schema/command.ts';

/** Every command of the protocol, by its name in camelCase: the one list. */
export const commands = {
  ...adapter,
  ...process,
  ...device,
  ...context,
  ...allocation,
  ...residency,
  ...gpuVirtualAddress,
  ...sync,
  ...submission,
  ...sharing,
  ...hostEvents,
} as const;

/** Name of a command in camelCase: a key of {@link commands}. */
export type CommandName = keyof typeof commands;

function inOrder(family: Readonly<Record<string, unknown>>): CommandDef[] {
  return (Object.values(family) as CommandDef[]).sort((a, b) => a.id - b.id);
}

/** The commands by object family, in the order of the reference pages. */
export const commandFamilies: readonly {
  readonly name: string;
  readonly title: string;
  readonly commands: readonly CommandDef[];
}[] = [
  { name: 'adapter', title: 'Adapter', commands: inOrder(adapter) },
  { name: 'process', title: 'Process', commands: inOrder(process) },
  { name: 'device', title: 'Device', commands: inOrder(device) },
  { name: 'context', title: 'Context and hardware queue', commands: inOrder(context) },
  {
    name: 'allocation',
    title: 'Allocation and resource',
    commands: inOrder(allocation),
  },
  {
    name: 'residency',
    title: 'Residency and paging queue',
    commands: inOrder(residency),
  },
  {
    name: 'gpu-virtual-address',
    title: 'GPU virtual address',
    commands: inOrder(gpuVirtualAddress),
  },
  { name: 'sync', title: 'Synchronisation', commands: inOrder(sync) },
  { name: 'submission', title: 'Submission', commands: inOrder(submission) },
  { name: 'sharing', title: 'Sharing', commands: inOrder(sharing) },
  {
    name: 'host-events',
    title: 'Messages from the host',
    commands: inOrder(hostEvents),
  },
];

/** The first global command; below it are vGPU commands. */
const FIRST_GLOBAL_ID = 1000;

const byId: Readonly<Record<CommandChannel, (CommandDef | undefined)[]>> = { vgpu: [], global: [], host: [] };
for (const command of inOrder(commands)) {
  const index = command.channel === 'global' ? command.id - FIRST_GLOBAL_ID : command.id;
  byId[command.channel][index] = command;
}

/** The command with this number on this channel type, or undefined. */
export function commandById(channel: CommandChannel, id: number): CommandDef | undefined {
  return byId[channel][channel === 'global' ? id - FIRST_GLOBAL_ID : id];
}
