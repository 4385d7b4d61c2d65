/** A host whose GPU hangs: prints the GPU process's id when the work is under way, and waits to be killed. */
import { createWebgpuBackend } from '../index.ts';
import { hang } from './recipes.ts';
import { Rig } from './rig.ts';

const backend = await createWebgpuBackend({ vulkan: 'bundled' });
const rig = await Rig.open(backend);
await rig.createDevice();
await hang(rig);
const { pid } = (rig.adapter as unknown as { server: { pid: number } }).server;
process.stdout.write(`${pid}\n`);
