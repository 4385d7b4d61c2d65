import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTransportError, type TransportError, type TransportErrorCode } from '../errors.ts';
import { RING_PAGES } from '../mock-vmbus/control.ts';
import { RingHeader } from '../mock-vmbus/ring-memory.ts';
import { type Channel, PAGE_BYTES, PacketKind } from '../transport.ts';
import type { GuestRamBlock } from './guest-ram.ts';
import { createVmmHostBus, type VmmHostBus, type VmmHostBusOptions } from './host-bus.ts';
import { createTestMachine } from './testing/machine.ts';

const MEBIBYTE = 1_048_576;
const RAM_ADDRESS = 0x1_0000_0000;
const FIRST_FRAME = BigInt(RAM_ADDRESS / PAGE_BYTES);
const HIGH_FRAMES = [2n ** 40n, 2n ** 41n - 1n, 2n ** 41n, 2n ** 52n, 2n ** 64n - 1n];

const turn = () =>
  new Promise<void>((resolve) => {
    setImmediate(resolve);
  });

/** A host over 4 MiB of RAM whose guest is the test: raw page lists, raw ring headers. */
function createRaw(options: Partial<VmmHostBusOptions> = {}) {
  const bytes = new Uint8Array(4 * MEBIBYTE);
  const told: string[] = [];
  const channels: Channel[] = [];
  const closes: string[] = [];
  const received: number[] = [];
  const host: VmmHostBus = createVmmHostBus({
    guestRam: [{ address: RAM_ADDRESS, bytes }],
    window: new Uint8Array(MEBIBYTE),
    calls: {
      offerChannel: ({ index }) => told.push(`offer ${index}`),
      rescindChannel: (channel, error) =>
        told.push(`rescind ${channel}${error === null ? '' : ` ${codeOf(error)}`}`),
      ringDoorbell: (channel) => told.push(`ring ${channel}`),
      busEnded: (error) => told.push(`ended${error === null ? '' : ` ${error.message}`}`),
    },
    ...options,
  });
  host.onChannelOpen = (channel) => {
    channels.push(channel);
    channel.onPacket = ({ idLow }) => received.push(idLow);
    channel.onClose = (error) => closes.push(error === null ? 'in order' : codeOf(error));
  };
  const config = new Uint8Array(256).fill(7);
  const guid = (first: number) => Uint8Array.from({ length: 16 }, (_, index) => first + index);
  host.offer({ classGuid: guid(0), instanceGuid: guid(16), mmioMegabytes: 1 });
  const writes: string[] = [];
  host.offer({
    classGuid: guid(32),
    instanceGuid: guid(48),
    mmioMegabytes: 0,
    pci: {
      vendorId: 0x1414,
      deviceId: 0x8e,
      config,
      onWrite: (offset, value) => writes.push(`${offset} ${value}`),
    },
  });
  host.start();
  told.length = 0;
  return { host, bytes, told, channels, closes, received, config, writes };
}

function codeOf(error: Error | null): string {
  return isTransportError(error) ? error.code : String(error);
}

function refusedAs(refusal: TransportError | null, code: TransportErrorCode): void {
  assert.ok(isTransportError(refusal), 'not refused');
  assert.equal(refusal.code, code, refusal.message);
}

function frames(first: number, count: number): bigint[] {
  return Array.from({ length: count }, (_, index) => FIRST_FRAME + BigInt(first + index));
}

/** Opens a channel over rings of 4 + 4 pages from a page of RAM on. */
function openAt(host: VmmHostBus, channel: number, gpadl: number, firstPage: number): void {
  assert.equal(host.createGpadl(gpadl, frames(firstPage, 8)), null);
  assert.equal(host.openChannel(channel, gpadl, 4), null);
}

/** A packet without payload, as a guest writes it, at the start of a ring's data. */
function writePacket(bytes: Uint8Array, ringOffset: number, at: number, id: number): void {
  const view = new DataView(bytes.buffer, ringOffset);
  const data = PAGE_BYTES + at;
  view.setUint32(data, 6 | (2 << 16), true);
  view.setUint32(data + 4, 2, true);
  view.setUint32(data + 8, id, true);
  view.setUint32(data + 20, at, true);
  view.setUint32(4 * RingHeader.writeIndex, at + 24, true);
}

describe('a VMM thread that polls', () => {
  it('takes the packets of all open channels within the call, and is rung for none', () => {
    const { host, bytes, told, received } = createRaw();
    assert.equal(host.poll(), 0, 'nothing is open');
    openAt(host, 1, 1, 0);
    openAt(host, 2, 2, 16);
    assert.equal(host.poll(), 0);
    const mask = (firstPage: number) =>
      new DataView(bytes.buffer, firstPage * PAGE_BYTES).getUint32(4 * RingHeader.interruptMask, true);
    assert.deepEqual([mask(0), mask(16)], [1, 1], 'the guest need not signal');
    writePacket(bytes, 0, 0, 7);
    writePacket(bytes, 16 * PAGE_BYTES, 0, 8);
    writePacket(bytes, 16 * PAGE_BYTES, 24, 9);
    assert.equal(host.poll(), 3);
    assert.deepEqual(received, [7, 8, 9]);
    assert.equal(host.poll(), 0);
    assert.deepEqual(told, []);
    host.end(null);
    assert.equal(host.poll(), 0);
  });

  it('loses only the channel whose guest writes what cannot be', async () => {
    const { host, bytes, closes, received } = createRaw();
    openAt(host, 1, 1, 0);
    openAt(host, 2, 2, 16);
    host.poll();
    new DataView(bytes.buffer).setUint32(4 * RingHeader.writeIndex, 0xffff_fff8, true);
    writePacket(bytes, 16 * PAGE_BYTES, 0, 9);
    assert.equal(host.poll(), 1);
    await turn();
    assert.deepEqual(received, [9]);
    assert.deepEqual(closes, ['bad-ring']);
    host.end(null);
  });
});

describe('RAM and window of a virtual machine', () => {
  const build = (guestRam: readonly GuestRamBlock[], window: Uint8Array = new Uint8Array(MEBIBYTE)) =>
    createVmmHostBus({
      guestRam,
      window,
      calls: { offerChannel() {}, rescindChannel() {}, ringDoorbell() {} },
    });
  const page = (address: number, length = PAGE_BYTES) => ({ address, bytes: new Uint8Array(length) });

  it('are refused where they cannot be', () => {
    const bad: [readonly GuestRamBlock[], Uint8Array?][] = [
      [[]],
      [[page(100)]],
      [[page(-4096)]],
      [[page(2 ** 53)]],
      [[page(0, 100)]],
      [[page(0, 0)]],
      [[page(0, 8192), page(4096)]],
      [[{ address: 0, bytes: new Uint8Array(new ArrayBuffer(8192), 4, 4096) }]],
      [[page(0)], new Uint8Array(0)],
      [[page(0)], new Uint8Array(MEBIBYTE + 4096)],
      [[page(0)], new Uint8Array(new ArrayBuffer(MEBIBYTE + 4), 4, MEBIBYTE)],
    ];
    for (const [ram, window] of bad) {
      assert.throws(
        () => build(ram, window),
        (error) => codeOf(error as Error) === 'out-of-range',
      );
    }
  });

  it('may be several blocks; a range belongs to one of them', () => {
    const { memory } = build([page(8192, 8192), page(0, 8192), page(0x10000)]);
    assert.ok(memory.contains(0, 8192));
    assert.ok(memory.contains(8192, 8192));
    assert.ok(!memory.contains(4096, 8192), 'two blocks that touch');
    assert.ok(!memory.contains(16384, 1));
    assert.ok(memory.contains(0x10000, 4096));
    assert.ok(!memory.contains(0x10000, 4097));
    assert.equal(memory.view(0x10000, 4096).length, 4096);
    assert.throws(
      () => memory.view(4096, 8192),
      /outside guest memory \(0x0..0x1fff, 0x2000..0x3fff, 0x10000/,
    );
  });

  it('may be taken away: each channel ends, and nothing throws', async () => {
    for (const use of ['doorbell', 'poll', 'send'] as const) {
      const { host, bytes, channels, closes, told } = createRaw();
      openAt(host, 1, 1, 0);
      await turn();
      structuredClone(null, { transfer: [bytes.buffer] });
      if (use === 'send') channels[0]?.send(PacketKind.inBand, 1, 0, 0, new Uint8Array(8), 0, 8);
      else host[use](1);
      await turn();
      assert.equal(closes.length, 1, use);
      assert.match(closes[0] ?? '', /^TypeError: .* detached ArrayBuffer/);
      assert.equal(told.at(-1)?.slice(0, 9), 'rescind 1');
      refusedAs(host.createGpadl(9, frames(20, 1)), 'out-of-range');
      await host.unload();
      host.end(null);
    }
  });

  it('is as it was when the bus was made, whatever becomes of the objects that describe it', () => {
    const block = { address: 8192, bytes: new Uint8Array(8192) };
    const { memory } = createVmmHostBus({
      guestRam: [block],
      window: new Uint8Array(MEBIBYTE),
      calls: { offerChannel() {}, rescindChannel() {}, ringDoorbell() {} },
    });
    block.address = 0;
    block.bytes = new Uint8Array(100);
    assert.ok(!memory.contains(0, 8));
    assert.equal(memory.view(8192, 8192).length, 8192);
  });

  it('can be files that another process maps', () => {
    const file = { path: '/proc/1/fd/9', offset: 4096 };
    const { memory, window } = createVmmHostBus({
      guestRam: [{ ...page(8192, 8192), file }, page(0)],
      window: new Uint8Array(MEBIBYTE),
      windowFile: file,
      calls: { offerChannel() {}, rescindChannel() {}, ringDoorbell() {} },
    });
    assert.deepEqual(memory.shareable(12288, 16), { path: file.path, offset: 8192 });
    assert.equal(memory.shareable(0, 16), null);
    assert.equal(memory.shareable(1 << 20, 16), null);
    assert.deepEqual(window.shareable(), file);
  });
});

describe('page lists of a virtual machine', () => {
  it('are refused for pages that are not the guest’s, and nothing is kept', () => {
    const { host } = createRaw();
    refusedAs(host.createGpadl(1, [FIRST_FRAME - 1n]), 'out-of-range');
    refusedAs(host.createGpadl(1, [...frames(0, 5), FIRST_FRAME + 1024n]), 'out-of-range');
    refusedAs(host.createGpadl(1, [-1n]), 'out-of-range');
    for (const frame of HIGH_FRAMES) refusedAs(host.createGpadl(1, [frame]), 'out-of-range');
    refusedAs(host.createGpadl(1, []), 'limit');
    refusedAs(host.createGpadl(1, new BigUint64Array(8191).fill(FIRST_FRAME)), 'limit');
    assert.equal(host.memory.gpadl(1), null);
    assert.equal(host.createGpadl(1, new BigUint64Array(8190).fill(FIRST_FRAME)), null);
    refusedAs(host.createGpadl(1, frames(0, 1)), 'out-of-range');
  });

  it('are copied and keep their order', () => {
    const { host } = createRaw();
    const list = BigUint64Array.from([...frames(7, 2), ...frames(3, 1), ...frames(4, 1)]);
    assert.equal(host.createGpadl(5, list), null);
    list.fill(0n);
    assert.deepEqual(host.memory.gpadl(5), [
      { address: RAM_ADDRESS + 7 * PAGE_BYTES, length: 2 * PAGE_BYTES },
      { address: RAM_ADDRESS + 3 * PAGE_BYTES, length: 2 * PAGE_BYTES },
    ]);
  });

  it('never take the rings of an open channel; afterwards they may', async () => {
    const { host } = createRaw();
    openAt(host, 1, 1, 16);
    refusedAs(host.createGpadl(2, frames(23, 1)), 'out-of-range');
    refusedAs(host.createGpadl(2, frames(10, 7)), 'out-of-range');
    assert.equal(host.createGpadl(2, frames(24, 4)), null);
    for (const [pageNumber, isFree] of [
      [15, true],
      [16, false],
      [23, false],
      [24, true],
    ] as const) {
      assert.equal(host.memory.contains(RAM_ADDRESS + pageNumber * PAGE_BYTES, PAGE_BYTES), isFree);
    }
    assert.ok(!host.memory.contains(RAM_ADDRESS, 32 * PAGE_BYTES));
    await host.closeChannel(1);
    assert.ok(host.memory.contains(RAM_ADDRESS, 32 * PAGE_BYTES));
    assert.equal(host.createGpadl(3, frames(16, 8)), null);
  });

  it('are gone when whoever used them has let go', async () => {
    const { host } = createRaw();
    let release: () => void = () => {};
    host.onGpadlTeardown = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    assert.equal(host.createGpadl(9, frames(0, 2)), null);
    let isGone = false;
    const gone = host.teardownGpadl(9).then(() => {
      isGone = true;
    });
    assert.equal(host.teardownGpadl(9) instanceof Promise, true);
    await turn();
    assert.equal(isGone, false);
    assert.equal(host.memory.gpadl(9), null, 'serves for nothing new');
    refusedAs(host.openChannel(1, 9, 4), 'bad-ring');
    refusedAs(host.createGpadl(9, frames(0, 2)), 'out-of-range');
    release();
    await gone;
    assert.equal(host.createGpadl(9, frames(0, 2)), null);
    host.onGpadlTeardown = () => Promise.reject(new Error('a backend failed'));
    await host.teardownGpadl(9);
    await host.teardownGpadl(12345);
  });
});

describe('channels of a virtual machine', () => {
  it('are refused over page lists that cannot be two rings', () => {
    const { host } = createRaw();
    assert.equal(host.createGpadl(1, frames(0, 8)), null);
    assert.equal(host.createGpadl(2, [...frames(0, 4), ...frames(3, 4)]), null);
    assert.equal(host.createGpadl(3, new BigUint64Array(8190).fill(FIRST_FRAME)), null);
    refusedAs(host.openChannel(1, 7, 4), 'bad-ring');
    for (const page of [0, 1, 7, 8, -1, 2.5, 2 ** 32, Number.NaN])
      refusedAs(host.openChannel(1, 1, page), 'bad-ring');
    refusedAs(host.openChannel(1, 2, 4), 'bad-ring');
    refusedAs(host.openChannel(1, 3, 4), 'limit');
    refusedAs(host.openChannel(0, 1, 4), 'out-of-range');
    refusedAs(host.openChannel(3, 1, 4), 'out-of-range');
    assert.equal(host.openChannel(1, 1, 4), null);
    refusedAs(host.openChannel(1, 1, 4), 'out-of-range');
    refusedAs(host.openChannel(2, 1, 4), 'bad-ring');
    host.doorbell(2);
    host.doorbell(77);
  });

  it('are refused while nobody serves them, and when the host wants none', () => {
    const { host } = createRaw();
    assert.equal(host.createGpadl(1, frames(0, 8)), null);
    host.onChannelOpen = null;
    refusedAs(host.openChannel(1, 1, 4), 'refused');
    host.onChannelOpen = () => {
      throw new Error('not now');
    };
    refusedAs(host.openChannel(1, 1, 4), 'refused');
    host.onChannelOpen = (channel) => channel.abort(new Error('go away'));
    refusedAs(host.openChannel(1, 1, 4), 'refused');
    host.onChannelOpen = () => {};
    assert.equal(host.openChannel(1, 1, 4), null);
  });

  it('deliver what the guest sent before it closed them, and open again', async () => {
    const { host, bytes, received, closes, told } = createRaw();
    openAt(host, 1, 1, 0);
    writePacket(bytes, 0, 0, 41);
    writePacket(bytes, 0, 24, 42);
    const closed = host.closeChannel(1);
    const torn = host.teardownGpadl(1);
    await Promise.all([closed, torn]);
    assert.deepEqual(received, [41, 42]);
    assert.deepEqual(closes, ['in order']);
    assert.deepEqual(told, [], 'the offer stands');
    bytes.fill(0);
    openAt(host, 1, 2, 0);
    writePacket(bytes, 0, 0, 43);
    host.doorbell(1);
    await turn();
    assert.deepEqual(received, [41, 42, 43]);
  });

  it('end with bad-ring when their rings are taken away, and the rest of the bus goes on', async () => {
    const { host, bytes, received, closes, told } = createRaw();
    openAt(host, 1, 1, 0);
    openAt(host, 2, 2, 8);
    await host.teardownGpadl(2);
    assert.deepEqual(closes, ['bad-ring']);
    assert.deepEqual(told, ['rescind 2 bad-ring']);
    assert.equal(host.readConfig32(2, 0), 0xffff_ffff, 'its function is gone');
    writePacket(bytes, 0, 0, 1);
    host.doorbell(1);
    await turn();
    assert.deepEqual(received, [1]);
  });

  it('end with bad-ring for impossible indices, and write nothing into the rings afterwards', async () => {
    for (const index of [4, 12288, 0x8000_0000, 0xffff_fff8, 0xffff_ffff]) {
      const { host, bytes, closes, channels, told } = createRaw();
      openAt(host, 2, 2, 8);
      const ring = new DataView(bytes.buffer, 8 * PAGE_BYTES);
      ring.setUint32(4 * RingHeader.writeIndex, index, true);
      host.doorbell(2);
      await turn();
      assert.deepEqual(closes, ['bad-ring'], `${index}`);
      assert.deepEqual(told, ['rescind 2 bad-ring']);
      const before = bytes.slice();
      assert.throws(() => channels[0]?.send(PacketKind.inBand, 1, 0, 0, new Uint8Array(8), 0, 8));
      host.doorbell(2);
      await turn();
      assert.deepEqual(bytes, before);
    }
  });

  it('are rescinded by the host once what it sent is in the ring', async () => {
    const { host, bytes, channels, told, closes } = createRaw();
    openAt(host, 2, 2, 8);
    channels[0]?.send(PacketKind.inBand, 5, 0, 0, new Uint8Array(8), 0, 8);
    host.rescind(2);
    await turn();
    assert.deepEqual(told, ['ring 2', 'rescind 2']);
    assert.deepEqual(closes, ['in order']);
    const downstream = new DataView(bytes.buffer, 12 * PAGE_BYTES);
    assert.equal(downstream.getUint32(4 * RingHeader.writeIndex, true), 32);
    assert.throws(() => host.rescind(2), /not offered/);
    refusedAs(host.openChannel(2, 2, 4), 'out-of-range');
    // What the guest still says about it is harmless.
    await host.closeChannel(2);
    await host.teardownGpadl(2);
  });
});

describe('a rescind that a guest does not make room for', () => {
  for (const takes of [false, true]) {
    it(takes ? 'waits for a guest that does in time' : 'is told all the same', async () => {
      const retries: (() => void)[] = [];
      const retry = (callback: () => void) => {
        retries.push(callback);
        return () => {};
      };
      const { host, bytes, channels, told, closes } = createRaw({ retry });
      openAt(host, 2, 2, 8);
      for (let i = 0; i < 5; i += 1)
        channels[0]?.send(PacketKind.inBand, i, 0, 0, new Uint8Array(4000), 0, 4000);
      host.rescind(2);
      await turn();
      assert.deepEqual(told, ['ring 2']);
      const downstream = new DataView(bytes.buffer, 12 * PAGE_BYTES);
      const writeIndex = () => downstream.getUint32(4 * RingHeader.writeIndex, true);
      const full = writeIndex();
      if (takes) downstream.setUint32(4 * RingHeader.readIndex, full, true);
      for (let i = 0; i < 300; i += 1) {
        retries.shift()?.();
        await turn();
      }
      assert.deepEqual(told, takes ? ['ring 2', 'ring 2', 'rescind 2'] : ['ring 2', 'rescind 2']);
      assert.equal(writeIndex() !== full, takes);
      assert.deepEqual(closes, ['in order']);
    });
  }
});

describe('configuration space of a virtual machine', () => {
  it('reads all ones where there is nothing, and ignores writes there', () => {
    const { host, config, writes } = createRaw();
    new DataView(config.buffer).setUint32(208, 40, true);
    assert.equal(host.readConfig32(2, 208), 40);
    for (const offset of [-4, 1, 2, 210, 256, 4096, 2 ** 32, Number.NaN]) {
      assert.equal(host.readConfig32(2, offset), 0xffff_ffff);
      host.writeConfig32(2, offset, 1);
    }
    assert.equal(host.readConfig32(1, 0), 0xffff_ffff);
    assert.equal(host.readConfig32(9, 0), 0xffff_ffff);
    host.writeConfig32(9, 208, 1);
    host.writeConfig32(2, 208, 0xffff_fffe);
    assert.deepEqual(writes, ['208 4294967294']);
  });
});

describe('the end of a virtual machine', () => {
  it('by the host: rescinds, then the end, also when the guest stands still', async () => {
    const { host, channels, told, closes } = createRaw();
    openAt(host, 1, 1, 0);
    openAt(host, 2, 2, 8);
    const payload = new Uint8Array(4000);
    for (let i = 0; i < 100; i += 1) channels[0]?.send(PacketKind.inBand, i, 0, 0, payload, 0, 4000);
    const ends: (Error | null)[] = [];
    host.onClose = (error) => ends.push(error);
    await host.close();
    await host.close();
    assert.deepEqual(told, ['ring 1', 'rescind 1', 'rescind 2', 'ended']);
    assert.deepEqual(closes, ['in order', 'in order']);
    assert.deepEqual(ends, [null]);
    refusedAs(host.createGpadl(9, frames(0, 1)), 'closed');
    refusedAs(host.openChannel(1, 1, 4), 'closed');
    await host.teardownGpadl(1);
    await host.unload();
    host.end(null);
    assert.throws(() => host.start(), /closed/);
  });

  it('by an error of the host', async () => {
    const { host, told, closes } = createRaw();
    openAt(host, 1, 1, 0);
    const closed = new Promise((resolve) => {
      host.onClose = resolve;
    });
    const error = new Error('the guest broke the protocol');
    host.abort(error);
    host.abort(new Error('twice'));
    assert.equal(await closed, error);
    assert.equal(closes.length, 1);
    assert.deepEqual(told.at(-1), 'ended the guest broke the protocol');
  });

  it('by the VMM: nothing of its rings is touched any more, and it is told nothing', async () => {
    const { host, bytes, channels, told, closes } = createRaw();
    openAt(host, 1, 1, 0);
    writePacket(bytes, 0, 0, 1);
    channels[0]?.send(PacketKind.inBand, 1, 0, 0, new Uint8Array(8), 0, 8);
    host.doorbell(1);
    const before = bytes.slice();
    const closed = new Promise((resolve) => {
      host.onClose = resolve;
    });
    host.end(null);
    assert.equal(await closed, null);
    await turn();
    assert.deepEqual(bytes, before);
    assert.deepEqual(told, []);
    assert.deepEqual(closes, ['in order']);
  });

  it('by the VMM within a doorbell of the host or a packet: nothing of its rings is touched after that', async () => {
    const calls = { offerChannel() {}, rescindChannel() {}, ringDoorbell() {} };
    const touched: string[] = [];
    for (const moment of ['signal of packets', 'signal of room', 'packet', 'packet when polled']) {
      let before: Uint8Array | null = null;
      const end = (): void => {
        if (before !== null) return;
        host.end(null);
        before = bytes.slice();
      };
      const raw = createRaw({ calls: { ...calls, ringDoorbell: end } });
      const { host, bytes, channels } = raw;
      openAt(host, 1, 1, 0);
      const [channel] = channels;
      if (moment === 'signal of packets') {
        // More than the ring takes: the rest waits, and asks for room.
        for (let i = 0; i < 9; i += 1)
          channel?.send(PacketKind.inBand, i, 0, 0, new Uint8Array(4000), 0, 4000);
      } else {
        // The host gives space back after an eighth of the ring: 64 packets.
        for (let id = 1; id <= 64; id += 1) writePacket(bytes, 0, 24 * (id - 1), id);
        const ring = new DataView(bytes.buffer);
        ring.setUint32(4 * RingHeader.featureBits, 1, true);
        const last = moment === 'signal of room' ? 65 : 64;
        if (last === 65) {
          writePacket(bytes, 0, 24 * 64, last);
          ring.setUint32(4 * RingHeader.pendingSendSize, 12_288 - 24, true);
        } else if (channel !== undefined) channel.onPacket = ({ idLow }) => idLow === last && end();
        if (moment === 'packet when polled') host.poll();
        else host.doorbell(1);
      }
      await turn();
      assert.ok(before !== null, moment);
      await turn();
      if (Buffer.compare(bytes, before) !== 0) touched.push(moment);
    }
    assert.deepEqual(touched, []);
  });

  it('is told on both ends also to whoever asks afterwards', async () => {
    const { host, guest } = createTestMachine();
    host.end(null);
    guest.powerOff();
    await turn();
    const heard: string[] = [];
    host.onClose = (error) => heard.push(`host ${error}`);
    guest.onClose = (error) => heard.push(`guest ${codeOf(error)}`);
    await turn();
    assert.deepEqual(heard, ['host null', 'guest peer-closed']);
  });

  it('by the VMM within an offer or a doorbell that the end by the host rings: the VMM is told nothing after that', async () => {
    const told: string[] = [];
    const ends: (Error | null)[] = [];
    const guid = new Uint8Array(16);
    const offers = createVmmHostBus({
      guestRam: [{ address: 0, bytes: new Uint8Array(PAGE_BYTES) }],
      window: new Uint8Array(MEBIBYTE),
      calls: {
        offerChannel({ index }) {
          told.push(`offer ${index}`);
          offers.end(null);
        },
        rescindChannel() {},
        ringDoorbell() {},
      },
    });
    for (const mmioMegabytes of [1, 0]) offers.offer({ classGuid: guid, instanceGuid: guid, mmioMegabytes });
    offers.start();
    const { host, channels } = createRaw({
      calls: {
        offerChannel() {},
        rescindChannel: (channel) => told.push(`rescind ${channel}`),
        ringDoorbell(channel) {
          told.push(`ring ${channel}`);
          host.end(null);
        },
        busEnded: () => told.push('ended'),
      },
    });
    host.onClose = (error) => ends.push(error);
    openAt(host, 1, 1, 0);
    host.rescind(2);
    channels[0]?.send(PacketKind.inBand, 1, 0, 0, new Uint8Array(8), 0, 8);
    host.abort(new Error('a defect'));
    await turn();
    assert.deepEqual(told, ['offer 1', 'ring 1']);
    assert.deepEqual(ends, [null]);
  });

  it('by an unload of its kernel, whose other processors go on writing', async () => {
    const { host, bytes, channels, received, closes } = createRaw();
    openAt(host, 1, 1, 0);
    let written = 3;
    for (let id = 0; id < written; id += 1) writePacket(bytes, 0, 24 * id, id);
    const [channel] = channels;
    if (channel !== undefined) {
      channel.onPacket = ({ idLow }) => {
        received.push(idLow);
        // The ring never becomes empty.
        if (written < 500) writePacket(bytes, 0, 24 * written, written);
        written += 1;
      };
    }
    await host.unload();
    assert.deepEqual(received, [0, 1, 2]);
    assert.deepEqual(closes, ['in order']);
  });

  it('by an unload of its kernel, after which all opens again', async () => {
    const { host, bytes, received, told } = createRaw();
    openAt(host, 1, 1, 0);
    openAt(host, 2, 2, 8);
    assert.equal(host.createGpadl(3, frames(100, 9)), null);
    const torn: number[] = [];
    host.onGpadlTeardown = (id) => {
      torn.push(id);
    };
    await host.unload();
    assert.deepEqual(torn.sort(), [1, 2, 3]);
    assert.equal(host.memory.gpadl(3), null);
    assert.deepEqual(told, []);
    bytes.fill(0);
    openAt(host, 1, 1, 0);
    writePacket(bytes, 0, 0, 8);
    host.doorbell(1);
    await turn();
    assert.deepEqual(received, [8]);
  });
});

describe('a guest that is played in a virtual machine', () => {
  for (const ringPages of ['together', 'apart'] as const) {
    it(`lays its rings out as Linux does, pages ${ringPages}`, async () => {
      const { host, guest, guestRam } = createTestMachine({ ringPages, answers: 'at once' });
      host.onChannelOpen = (channel) => {
        channel.onPacket = () => {};
      };
      const guid = new Uint8Array(16);
      host.offer({ classGuid: guid, instanceGuid: guid, mmioMegabytes: 1 });
      host.start();
      const channel = await guest.open(1);
      channel.send(PacketKind.inBand, 1, 0, 1, new Uint8Array(8), 0, 8);
      await turn();
      const ranges = host.memory.gpadl(0xe1e10) ?? [];
      const pages = ranges.reduce((sum, { length }) => sum + length / PAGE_BYTES, 0);
      assert.equal(pages, 2 * RING_PAGES);
      assert.equal(ranges.length, ringPages === 'together' ? 1 : 2 * RING_PAGES);
      const [first] = guestRam;
      const header = new DataView(first!.bytes.buffer, (ranges[0]?.address ?? 0) - first!.address);
      assert.equal(header.getUint32(4 * RingHeader.writeIndex, true), 32);
      assert.equal(header.getUint32(4 * RingHeader.readIndex, true), 32);
      assert.equal(header.getUint32(4 * RingHeader.featureBits, true), 1);
      await guest.close();
      assert.equal(host.memory.gpadl(0xe1e10), null);
    });
  }

  it('is told of rescinds before its channel closes, and of the end of its machine', async () => {
    const { host, guest } = createTestMachine();
    host.onChannelOpen = (channel) => {
      channel.onPacket = () => {};
    };
    const guid = new Uint8Array(16);
    host.offer({ classGuid: guid, instanceGuid: guid, mmioMegabytes: 1 });
    host.offer({ classGuid: guid, instanceGuid: guid, mmioMegabytes: 0 });
    host.start();
    await turn();
    const heard: string[] = [];
    const first = await guest.open(1);
    const second = await guest.open(2);
    first.onPacket = () => {};
    second.onPacket = ({ idLow }) => heard.push(`packet ${idLow}`);
    guest.onRescind = (index) => heard.push(`rescind ${index}`);
    guest.onClose = (error) => heard.push(`end ${codeOf(error)}`);
    second.onClose = (error) => heard.push(`close 2 ${error}`);
    first.onClose = (error) => heard.push(`close 1 ${codeOf(error)}`);
    host.rescind(2);
    await turn();
    assert.deepEqual(heard, ['rescind 2', 'close 2 null']);
    guest.powerOff();
    await turn();
    assert.deepEqual(heard.slice(2), ['close 1 peer-closed', 'end peer-closed']);
    await guest.close();
  });
});
