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

/** The commands by object family, in the order of the reference pages. */
export const commandFamilies: readonly {
  readonly name: string;
  readonly title: string;
  readonly commands: readonly CommandDef[];
}[] = [
  { name: 'adapter', title: 'Adapter', commands: Object.values(adapter) as CommandDef[] },
  { name: 'process', title: 'Process', commands: Object.values(process) as CommandDef[] },
  { name: 'device', title: 'Device', commands: Object.values(device) as CommandDef[] },
  { name: 'context', title: 'Context and hardware queue', commands: Object.values(context) as CommandDef[] },
  {
    name: 'allocation',
    title: 'Allocation and resource',
    commands: Object.values(allocation) as CommandDef[],
  },
  {
    name: 'residency',
    title: 'Residency and paging queue',
    commands: Object.values(residency) as CommandDef[],
  },
  {
    name: 'gpu-virtual-address',
    title: 'GPU virtual address',
    commands: Object.values(gpuVirtualAddress) as CommandDef[],
  },
  { name: 'sync', title: 'Synchronisation', commands: Object.values(sync) as CommandDef[] },
  { name: 'submission', title: 'Submission', commands: Object.values(submission) as CommandDef[] },
  { name: 'sharing', title: 'Sharing', commands: Object.values(sharing) as CommandDef[] },
  {
    name: 'host-events',
    title: 'Messages from the host',
    commands: Object.values(hostEvents) as CommandDef[],
  },
];

/** The first global command; below it are vGPU commands. */
const FIRST_GLOBAL_ID = 1000;

const byId: Readonly<Record<CommandChannel, (CommandDef | undefined)[]>> = { vgpu: [], global: [], host: [] };
for (const command of Object.values(commands) as CommandDef[]) {
  const index = command.channel === 'global' ? command.id - FIRST_GLOBAL_ID : command.id;
  byId[command.channel][index] = command;
}

/** The command with this number on this channel type, or undefined. */
export function commandById(channel: CommandChannel, id: number): CommandDef | undefined {
  return byId[channel][channel === 'global' ? id - FIRST_GLOBAL_ID : id];
}
