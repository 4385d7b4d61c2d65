import process from 'node:process';
import { createGPU, globals } from '@dxgwire/guest/webgpu';
import { adapterSelector } from './adapter-selector.ts';
import { holdEnd, tellErrorsAtExit } from './ending.ts';
import { CommandFailure, describe, UsageError } from './errors.ts';
import type { ProgramGpu } from './program-globals.ts';
import type { HostLink } from './workers.ts';

/**
 * The GPU of a worker, or of a process, that the program of `dxgwire run` has started. Its connection is made when it first
 * asks for an adapter.
 *
 * @param foreignListeners how many listeners for `beforeExit` there were before the program's own.
 */
export function openRemote(link: HostLink, foreignListeners: number): ProgramGpu {
  const gpu = createGPU({
    connect: async () => {
      // Most that a program starts asks for no GPU: all that it takes to connect costs as much time as the rest.
      const { connectLink } = await import('./link.ts');
      const { bus } = await connectLink(link.url, link.token, link.codec);
      bus.unref?.();
      tellErrorsAtExit(gpu, bus);
      process.once('exit', () => {
        void gpu.close({ silently: true });
        void bus.close();
      });
      return bus;
    },
    log: (message) => process.stderr.write(`dxgwire: ${message}\n`),
    ...adapterSelector(link.adapter),
  });
  holdEnd(gpu, undefined, foreignListeners);
  return { gpu, globals };
}

/**
 * Dawn in this process, for `--local`.
 *
 * @throws UsageError for what cannot name a local device; CommandFailure when there is none of that name.
 */
export async function openLocal(adapter: string | undefined): Promise<ProgramGpu> {
  const { adapter: device } = adapterSelector(adapter);
  if (typeof device === 'string' && /^[0-9a-f]+:[0-9a-f]+$/i.test(device)) {
    throw new UsageError(
      `--local has no LUIDs: give the adapter's number or a part of its name, not "${device}"`,
    );
  }
  const { createLocalGPU } = await import('@dxgwire/host/backends/webgpu');
  try {
    return await createLocalGPU(device === undefined ? {} : { device });
  } catch (error) {
    throw new CommandFailure(describe(error), { cause: error });
  }
}
