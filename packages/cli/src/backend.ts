import type { Backend, BackendLog } from '@dxgwire/host/backends';
import { CommandFailure, describe, UsageError } from './errors.ts';

/** The backends that the command can start. */
export const BACKENDS = ['webgpu', 'reference', 'null'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** A backend, and which of its adapters guests get. */
export interface OpenBackend {
  readonly backend: Backend;
  /** Indices in `backend.adapters`. */
  readonly adapters: readonly number[];
}

/**
 * Starts a backend. Its module is loaded only now: Dawn and the system's GPU drivers stay out of a process that
 * does not want them.
 *
 * @param adapter only this adapter: its index, or a part of its name.
 * @param timeoutMs how long work may run before it counts as hung; default: the backend's own.
 * @throws CommandFailure when it cannot start; UsageError when no adapter fits.
 */
export async function openBackend(
  name: BackendName,
  adapter: string | undefined,
  log: BackendLog,
  timeoutMs?: number,
): Promise<OpenBackend> {
  let backend: Backend;
  try {
    backend = await load(name, log, timeoutMs === undefined ? {} : { timeoutMs });
  } catch (error) {
    const wayOut = name === 'webgpu' ? ' (`--backend reference` needs no GPU)' : '';
    throw new CommandFailure(`the ${name} backend did not start: ${describe(error)}${wayOut}`, {
      cause: error,
    });
  }
  try {
    return { backend, adapters: choose(backend, adapter) };
  } catch (error) {
    await backend.close();
    throw error;
  }
}

async function load(
  name: BackendName,
  log: BackendLog,
  timeout: { readonly timeoutMs?: number },
): Promise<Backend> {
  switch (name) {
    case 'webgpu': {
      const { createWebgpuBackend } = await import('@dxgwire/host/backends/webgpu');
      return await createWebgpuBackend({ log, ...timeout });
    }
    case 'reference': {
      const { createReferenceBackend } = await import('@dxgwire/host/backends/reference');
      return createReferenceBackend(timeout);
    }
    case 'null': {
      const { createNullBackend } = await import('@dxgwire/host/backends/null');
      return createNullBackend(timeout);
    }
  }
}

function choose({ adapters }: Backend, wanted: string | undefined): number[] {
  if (adapters.length === 0) throw new CommandFailure('there is no GPU here, nor a software device');
  if (wanted === undefined) return adapters.map((_, index) => index);
  const lower = wanted.toLowerCase();
  const index = /^\d+$/.test(wanted)
    ? Number(wanted)
    : adapters.findIndex(({ description }) => description.toLowerCase().includes(lower));
  if (adapters[index] === undefined) {
    const names = adapters.map(({ description }, at) => `${at}: ${description}`).join('; ');
    throw new UsageError(`there is no adapter "${wanted}" here; there is ${names}`);
  }
  return [index];
}
