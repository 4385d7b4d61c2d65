import { isProtocolError } from '@dxgwire/protocol';
import {
  AllocationKind,
  decodeAdapterCaps,
  decodeAllocationData,
  decodeContextBlob,
  encodeAdapterCaps,
  encodeAllocationData,
  encodeContextBlob,
} from '@dxgwire/protocol/blobs';
import { STREAM_VERSION } from '@dxgwire/protocol/stream';
import type { FuzzTarget } from '../target.ts';

const decoders = [decodeAdapterCaps, decodeAllocationData, decodeContextBlob] as const;

/** First byte: which blob; the rest is the blob. */
export class BlobsTarget implements FuzzTarget {
  readonly name = 'blobs';
  readonly summary = 'driver-private data';
  readonly unit = 'inputs';
  readonly maxInputBytes = 4096;
  #accepted = 0;
  #refused = 0;

  seeds(): readonly Uint8Array[] {
    const caps = {
      version: 1,
      streamVersion: STREAM_VERSION,
      info: {
        vendor: 'v',
        architecture: 'a',
        device: 'd',
        description: 'text',
        subgroupMinSize: 4,
        subgroupMaxSize: 128,
        isFallbackAdapter: true,
      },
      features: ['timestamp-query'],
      limits: { maxTextureDimension2D: 8192, maxBufferSize: 2 ** 31 },
      wgslLanguageFeatures: [],
      preferredCanvasFormat: 'bgra8unorm',
    };
    const blobs = [
      [encodeAdapterCaps(caps as never)],
      Object.values(AllocationKind).map((kind) => encodeAllocationData({ lengthBytes: 4096, kind })),
      [encodeContextBlob({ streamVersion: STREAM_VERSION, returnRing: [1, 0], returnFence: 0x40 })],
    ];
    return blobs.flatMap((list, index) => list.map((blob) => Uint8Array.of(index, ...blob)));
  }

  run(input: Uint8Array): void {
    if (input.length === 0) return;
    const decode = decoders[input[0]! % decoders.length]!;
    try {
      decode(input.subarray(1));
      this.#accepted += 1;
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      this.#refused += 1;
    }
  }

  describe(): string {
    return `${this.#accepted} accepted, ${this.#refused} refused`;
  }
}
