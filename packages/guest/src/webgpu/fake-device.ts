import { makeDevice } from './device.ts';
import { DeviceCore } from './device-core.ts';
import type { GPUError } from './errors.ts';
import { FakeKernel, type FakeKernelOptions } from './fake-kernel.ts';
import { GPUAdapterInfo } from './features.ts';
import { CONSTRUCT } from './interfaces.ts';
import { defaultLimits } from './limits.ts';

/** A GPUDevice whose host is the test itself. */
export interface FakeDevice {
  readonly device: GPUDevice;
  readonly core: DeviceCore;
  readonly kernel: FakeKernel;
  readonly reported: GPUError[];
  readonly statistics: { roundTrips: number; submissions: number };
  /** Lets all microtasks run: what was recorded is then submitted. */
  turn(): Promise<void>;
}

/** Makes a device on a {@link FakeKernel}: for tests of this folder. */
export function makeFakeDevice(
  options: FakeKernelOptions & { features?: readonly string[]; stagingLimitBytes?: number } = {},
): FakeDevice {
  const kernel = new FakeKernel(options);
  const statistics = { roundTrips: 0, submissions: 0 };
  const core = new DeviceCore({
    kernel,
    counters: { begin: () => {}, end: () => {}, statistics },
    stagingLimitBytes: options.stagingLimitBytes ?? 64 * 1024 * 1024,
  });
  core.features = new Set(['core-features-and-limits', ...(options.features ?? [])]);
  core.limits = defaultLimits(true);
  const reported: GPUError[] = [];
  const device = makeDevice({
    core,
    label: '',
    queueLabel: '',
    features: core.features,
    limits: defaultLimits(true),
    adapterInfo: new GPUAdapterInfo(CONSTRUCT, {
      vendor: 'test',
      architecture: '',
      device: '',
      description: 'no device',
      subgroupMinSize: 4,
      subgroupMaxSize: 4,
      isFallbackAdapter: true,
    }),
    report: (error) => reported.push(error),
  });
  const turn = (): Promise<void> =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port2.onmessage = () => {
        port1.close();
        resolve();
      };
      port1.postMessage(null);
    });
  return { device: device as unknown as GPUDevice, core, kernel, reported, statistics, turn };
}
