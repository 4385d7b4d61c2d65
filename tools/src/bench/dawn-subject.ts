import { createGPU } from '@dxgwire/guest/webgpu';
import { connect } from '@dxgwire/transport/connect';
import { startHost } from './host-service.ts';

/** A device to measure, and how to let go of it. */
export interface Subject {
  readonly name: string;
  readonly device: GPUDevice;
  close(): Promise<void>;
}

/** @throws Error when there is no adapter; later, when the device refuses a call. */
export async function openDevice(gpu: GPU): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('no adapter');
  const device = await adapter.requestDevice();
  device.addEventListener('uncapturederror', (event) => {
    throw new Error(`the device refused a call: ${event.error.message}`);
  });
  return device;
}

const direct = async (url: string) => ({ url, async close() {} });

/** A host in a process of its own, with more options of `dxgwire host`; `through` may put something between. */
export async function overLink(
  name: string,
  listenUrl: string,
  through: (url: string) => Promise<{ readonly url: string; close(): Promise<void> }> = direct,
  options: readonly string[] = [],
): Promise<Subject & { readonly hostPid: number }> {
  const { service, url: hostUrl } = await startHost(listenUrl, options);
  const { url, close } = await through(hostUrl);
  const gpu = createGPU({ connect: () => connect(url) });
  const device = await openDevice(gpu);
  return {
    name,
    device,
    hostPid: service.pid,
    async close() {
      device.destroy();
      await gpu.close();
      await close();
      await service.stop();
    },
  };
}
