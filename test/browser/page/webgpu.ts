/** A WebGPU program in a page, on a GPU that is elsewhere, and on the page's own: both must say the same. */
import { createGPU, globals } from '@dxgwire/guest/webgpu';
import { square } from './square.ts';

const { parameters } = globalThis as unknown as { parameters: { url: string; token: string } };

const numbers = Array.from({ length: 1000 }, (_, index) => index / 8);
const remote = createGPU({ connect: parameters.url, link: { token: parameters.token } });
const there = await square(remote, numbers);
const here = await square(navigator.gpu, numbers);
await remote.close();

const nobody = createGPU({ connect: 'ws://127.0.0.1:1/', log: () => {} });
const names = Object.keys(globals);
const result = {
  there,
  here,
  none: await nobody.requestAdapter(),
  isRemote: (await remote.requestAdapter()) === null,
  globals: names.length,
  missing: names.filter((name) => !(name in globalThis)),
};
await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
