/** A host in a page, on the page's own GPU, and a guest of it in the same page. */
import { createGPU } from '@dxgwire/guest/webgpu';
import { createPageBackend } from '@dxgwire/host/backends/webgpu/page';
import { createHost } from '@dxgwire/host/core';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { square } from './square.ts';

const numbers = Array.from({ length: 1000 }, (_, index) => index / 8);
const backend = await createPageBackend();
const host = createHost({ backend });
const { guest, host: hostBus } = createInProcessBus({ guestMemoryBytes: 64 << 20 });
host.attach(hostBus);
const gpu = createGPU({ connect: guest });
const description = (await gpu.requestAdapter())?.info.description;
const there = await square(gpu, numbers);
const again = await square(gpu, numbers);
await gpu.close();
await host.close();
await backend.close();

const result = { there, again, here: await square(navigator.gpu, numbers), description };
await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
