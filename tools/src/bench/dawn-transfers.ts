/// <reference types="@webgpu/types" />
import { type DawnCase, type DawnRun, untilDone } from './dawn-case.ts';

/** Bytes of a bulk transfer. */
export const BULK_BYTES = 64 << 20;

/** Copies a buffer of this size to another one and reads that, every byte of it. */
export function createReadback(device: GPUDevice, size: number): DawnRun {
  const source = device.createBuffer({ size, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
  const target = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const kept = new Uint8Array(size);
  return {
    async run(count) {
      for (let i = 0; i < count; i++) {
        const encoder = device.createCommandEncoder();
        encoder.copyBufferToBuffer(source, 0, target, 0, size);
        device.queue.submit([encoder.finish()]);
        await target.mapAsync(GPUMapMode.READ);
        kept.set(new Uint8Array(target.getMappedRange()));
        target.unmap();
      }
      return undefined;
    },
    dispose() {
      source.destroy();
      target.destroy();
    },
  };
}

/** Data to the device and back from it. */
export const transferCases: readonly DawnCase[] = [
  {
    name: 'readback of 256 B',
    samples: 9,
    sampleMs: 300,
    // Then three processes have compiled what they run: in the first thousands a readback takes up to three times as long.
    warmUpCount: 4000,
    media: 'round trips',
    targets: {
      'shared memory': { most: 1, against: 'local Dawn + 2 socket round trips' },
      WebSocket: { most: 1, against: 'local Dawn + 2 WebSocket round trips' },
    },
    maxCount: 5000,
    prepare: (device) => createReadback(device, 256),
  },
  {
    name: 'upload of 64 MiB (writeBuffer)',
    media: 'to the host',
    targets: { 'shared memory': { most: 1.15 }, WebSocket: { most: 1.25, against: 'bare WebSocket' } },
    bytes: BULK_BYTES,
    samples: 5,
    sampleMs: 1,
    maxCount: 1,
    prepare(device) {
      const buffer = device.createBuffer({ size: BULK_BYTES, usage: GPUBufferUsage.COPY_DST });
      const data = new Uint8Array(BULK_BYTES).fill(7);
      return {
        run: (count) =>
          untilDone(device, () => {
            for (let i = 0; i < count; i++) device.queue.writeBuffer(buffer, 0, data);
          }),
        dispose: () => buffer.destroy(),
      };
    },
  },
  {
    name: 'readback of 64 MiB',
    media: 'to the guest',
    targets: { 'shared memory': { most: 1.15 }, WebSocket: { most: 1.25, against: 'bare WebSocket' } },
    bytes: BULK_BYTES,
    samples: 5,
    sampleMs: 1,
    maxCount: 1,
    prepare: (device) => createReadback(device, BULK_BYTES),
  },
];
