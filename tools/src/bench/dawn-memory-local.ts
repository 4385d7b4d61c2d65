/** What 1 GiB of buffers takes on Dawn in a process of its own: prints the growth, bytes. */
import { createLocalGPU } from '@dxgwire/host/backends/webgpu';
import { fillBuffers, memoryOf } from './dawn-memory.ts';
import { openDevice } from './dawn-subject.ts';

const { gpu, globals } = await createLocalGPU();
Object.assign(globalThis, globals);
const device = await openDevice(gpu);
const before = memoryOf(process.pid);
await fillBuffers(device);
process.stdout.write(String(memoryOf(process.pid) - before));
process.exit(0);
