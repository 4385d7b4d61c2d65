import { commands, Errno, EscapeFlags, EscapeType, KnownEscapeType, Limits } from '@dxgwire/protocol';
import type { Adapter } from '../adapter.ts';
import type { EscapeArgs, EscapeResult } from '../types/adapter.ts';
import { type Caller, NO_BYTES, outcome, refusal } from './caller.ts';

/** struct d3dddi_buildtestcommandbuffer: its size, and where its pointers and sizes are. */
const TEST_BUFFER_BYTES = 112;
const DMA_BUFFER_POINTERS = { start: 88, end: 104 } as const;
const DMA_BUFFER_SIZE_OFFSET = 104;
const DMA_PRIVATE_SIZE_OFFSET = 108;

function u32At(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset, true);
}

/** Ioctl 0x0d. Of the escapes that the driver knows, two never leave the guest, and one is repacked. */
export async function escapeToDriver(caller: Caller, args: EscapeArgs): Promise<EscapeResult> {
  const data = args.privDrvData ?? NO_BYTES;
  const adapter = caller.adapter(args.adapter);
  if (typeof adapter === 'number') return { ...refusal(caller, adapter), privDrvData: NO_BYTES };
  const isKnown = ((args.flags ?? 0) & EscapeFlags.driverKnownEscape) !== 0;
  if ((args.type ?? EscapeType.driverPrivate) === EscapeType.driverPrivate && isKnown) {
    if (data.length < 4) return { ret: -Errno.EINVAL, privDrvData: NO_BYTES };
    switch (u32At(data, 0)) {
      // Handles are the same on both sides.
      case KnownEscapeType.translateAllocationHandle:
      case KnownEscapeType.translateResourceHandle:
        return { ret: 0, privDrvData: data.slice() };
      case KnownEscapeType.buildTestCommandBuffer:
        return buildTestCommandBuffer(caller, adapter, args, data);
    }
  }
  return send(caller, adapter, args, data);
}

async function send(
  caller: Caller,
  adapter: Adapter,
  args: EscapeArgs,
  privDrvData: Uint8Array,
): Promise<EscapeResult> {
  if (privDrvData.length > Limits.maxPrivateDataBytes) return { ret: -Errno.EINVAL, privDrvData: NO_BYTES };
  const body = {
    adapter: adapter.hostHandle,
    device: args.device ?? 0,
    type: args.type ?? EscapeType.driverPrivate,
    flags: args.flags ?? 0,
    context: args.context ?? 0,
    privDrvData,
  };
  const { wire } = caller.driver;
  const answer = await wire.call(adapter, commands.escape, caller.process.hostHandle, body, (reply) =>
    reply.privDrvData.slice(),
  );
  if (answer.reply === null) return { ...outcome(answer), privDrvData: NO_BYTES };
  return { ret: answer.ret, privDrvData: answer.reply };
}

/**
 * The caller's structure travels with its two pointers cleared and room for the two buffers behind it. The sizes that
 * come back are held against what was asked for: the stock driver copies as much as the host says.
 */
async function buildTestCommandBuffer(
  caller: Caller,
  adapter: Adapter,
  args: EscapeArgs,
  data: Uint8Array,
): Promise<EscapeResult> {
  if (data.length < TEST_BUFFER_BYTES) return { ret: -Errno.EINVAL, privDrvData: NO_BYTES };
  const dmaBytes = u32At(data, DMA_BUFFER_SIZE_OFFSET);
  const privateBytes = u32At(data, DMA_PRIVATE_SIZE_OFFSET);
  const sizesAreGood =
    dmaBytes >= 4 &&
    dmaBytes <= Limits.maxTestBufferBytes &&
    privateBytes <= Limits.maxTestBufferPrivateDataBytes;
  if (!sizesAreGood) return { ret: -Errno.EINVAL, privDrvData: NO_BYTES };
  const packed = new Uint8Array(TEST_BUFFER_BYTES + dmaBytes + privateBytes);
  packed.set(data.subarray(0, TEST_BUFFER_BYTES));
  packed.fill(0, DMA_BUFFER_POINTERS.start, DMA_BUFFER_POINTERS.end);
  const sent = await send(caller, adapter, args, packed);
  if (sent.ret !== 0) return sent;
  const back = sent.privDrvData;
  const newDmaBytes = u32At(back, DMA_BUFFER_SIZE_OFFSET);
  const newPrivateBytes = u32At(back, DMA_PRIVATE_SIZE_OFFSET);
  if (newDmaBytes > dmaBytes || newPrivateBytes > privateBytes) {
    return { ret: -Errno.EINVAL, privDrvData: NO_BYTES };
  }
  // The caller's structure keeps its own content but for the two sizes.
  const privDrvData = data.slice();
  privDrvData.set(back.subarray(DMA_BUFFER_SIZE_OFFSET, TEST_BUFFER_BYTES), DMA_BUFFER_SIZE_OFFSET);
  const privateStart = TEST_BUFFER_BYTES + dmaBytes;
  return {
    ret: 0,
    privDrvData,
    dmaBuffer: back.slice(TEST_BUFFER_BYTES, TEST_BUFFER_BYTES + newDmaBytes),
    dmaBufferPrivData: back.slice(privateStart, privateStart + newPrivateBytes),
  };
}
