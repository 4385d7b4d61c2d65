import type { AdapterSelector } from '@dxgwire/guest/webgpu';

/** `--adapter` as an option of `createGPU`: a number is an index; anything else a LUID or a part of a name. */
export function adapterSelector(text: string | undefined): { readonly adapter?: AdapterSelector } {
  if (text === undefined) return {};
  return { adapter: /^\d+$/.test(text) ? Number(text) : text };
}
