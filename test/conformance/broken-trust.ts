import { type Channel, GLOBAL_CHANNEL_INDEX, type HostBus, PacketKind } from '@dxgwire/transport';
import type { Fault, Outgoing } from './broken-bus.ts';

/** Hosts that believe their guests, mix them up, or give them what was another's. */

const HEADER_AT = 16;
const EVENT_AT = 40;

/** An event of the host for the id that stands in a wait. */
export function eventFor(request: Uint8Array, offset: number): Uint8Array {
  const bytes = new Uint8Array(48);
  bytes[12] = 2;
  bytes.set(request.subarray(offset, offset + 8), 24);
  return bytes;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The pages of fences on a link, by what the answers of its host say. */
class FencePages {
  readonly offsets = new Set<number>();
  #ioStart = 0n;

  request(bytes: Uint8Array, name: string | undefined): void {
    if (name === 'SetIoSpaceRegion' && bytes.length >= HEADER_AT + 32)
      this.#ioStart = view(bytes).getBigUint64(HEADER_AT + 24, true);
  }

  answer({ command, bytes }: Outgoing): void {
    const field = command?.reply.find(({ name }) =>
      /^(fence_storage_address|hwqueue_progress.*cpuva)$/.test(name),
    );
    if (field === undefined || bytes.length < field.offset + 8) return;
    const offset = view(bytes).getBigUint64(field.offset, true) - this.#ioStart;
    if (offset > 0n && offset < 1n << 40n) this.offsets.add(Number(offset));
  }
}

/** Wakes whoever waits for what a guest has written into a page. */
export function believer(): Fault {
  const pages = new FencePages();
  const stored = new Map<number, bigint>();
  let window: HostBus['window'] | null = null;
  return {
    attach: (bus) => (window = bus.window),
    request({ bytes, offset, length }, command) {
      pages.request(bytes.subarray(offset, offset + length), command?.name);
      return true;
    },
    store(value, offset) {
      stored.set(offset, value);
      return value;
    },
    answer(outgoing) {
      pages.answer(outgoing);
      const { command, request } = outgoing;
      if (command?.name !== 'WaitForSyncObjectFromCpu') return undefined;
      const valueAt = command.fixedBytes + 4 * view(request).getUint32(28, true);
      const wanted = request.length < valueAt + 8 ? 0n : view(request).getBigUint64(valueAt, true);
      for (const offset of pages.offsets) {
        const shown = window === null ? 0n : view(window.bytes).getBigUint64(offset, true);
        if (shown >= wanted && (stored.get(offset) ?? 0n) < wanted)
          outgoing.ahead = eventFor(request, EVENT_AT);
      }
      return undefined;
    },
  };
}

/** Leaves in a page what the fence before had there, where that is more. */
export function untidy(): Fault {
  const last = new Map<number, bigint>();
  let isNew = false;
  return {
    request(_packet, command) {
      isNew = command?.name === 'CreateSyncObject';
      return true;
    },
    store(value, offset) {
      const before = last.get(offset) ?? 0n;
      const stored = isNew && before > value ? before : value;
      last.set(offset, stored);
      return stored;
    },
  };
}

/** Tells every guest what is meant for one: all of it, or messages of one code. A fault for each link. */
export function gossip(only?: number): () => Fault {
  const everybody = new Set<Channel>();
  return () => {
    let own: Channel | null = null;
    return {
      opened(channel) {
        if (channel.index !== GLOBAL_CHANNEL_INDEX) return;
        own = channel;
        everybody.add(channel);
      },
      message({ bytes }, code) {
        for (const channel of only === undefined || code === only ? everybody : []) {
          if (!channel.isOpen) everybody.delete(channel);
          else if (channel !== own) channel.send(PacketKind.inBand, 0, 0, 0, bytes, 0, bytes.length);
        }
        return undefined;
      },
    };
  };
}

/** Rises on the average only: with a command that asks nothing of them, all pages are one less, each until its next store. */
export function wavering(name = 'IsFeatureEnabled'): Fault {
  let window: HostBus['window'] | null = null;
  const stored = new Map<number, bigint>();
  return {
    attach: (bus) => (window = bus.window),
    request(_packet, command) {
      for (const [offset, value] of command?.name === name ? stored : []) {
        const less = value > 0n ? value - 1n : 0n;
        window?.storeU64(offset, Number(less & 0xffff_ffffn), Number(less >> 32n));
      }
      return true;
    },
    store(value, offset) {
      stored.set(offset, value);
      return value;
    },
  };
}

/** Opens for a guest what another one shares. */
export function open(): Fault {
  return {
    answer(outgoing) {
      if (outgoing.command?.name !== 'OpenSyncObject' || view(outgoing.bytes).getInt32(4, true) >= 0)
        return undefined;
      outgoing.bytes = new Uint8Array(24);
      view(outgoing.bytes).setUint32(0, 0xc010_0000, true);
      return undefined;
    },
  };
}
