export type { WireCommand } from './command.ts';
export { wireCommands } from './commands.ts';
